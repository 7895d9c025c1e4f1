"""Rivals at their best: ordinary video codecs at the rates that facewire takes, for side-by-side
measurements."""
