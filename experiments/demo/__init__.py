"""One whole call on this machine, measured: `python -m experiments.demo`. See `__main__` for the flags."""
