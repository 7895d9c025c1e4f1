"""How many calls one network can serve, measured on the real path: see `python -m receiver.bench --help`."""
