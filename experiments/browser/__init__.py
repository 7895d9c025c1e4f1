"""Calls of the page in a real browser: what its tests and its measurements share, and the measurements."""
