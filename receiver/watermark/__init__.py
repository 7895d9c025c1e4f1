"""The invisible mark in every picture that people see, and its detector: `python -m receiver watermark-detect FILE`."""
