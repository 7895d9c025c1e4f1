"""Losses of training; none of them is needed to run a call."""
