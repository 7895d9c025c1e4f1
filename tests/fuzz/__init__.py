"""Fuzzing of everything that a stranger's bytes reach, for as long as one likes: `python -m tests.fuzz --help`."""
