"""Rate-quality experiments: a grid of cells (clip x arm x kbit/s), and what many clips together say."""
