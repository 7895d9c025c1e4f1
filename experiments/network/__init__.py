"""Real calls through impaired links: `python -m experiments.network`. See `__main__`."""
