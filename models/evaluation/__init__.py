"""Offline evaluation: the codec exactly as a call runs it, beside its rivals, per clip."""
