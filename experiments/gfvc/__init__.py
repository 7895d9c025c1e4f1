"""Beside the papers on generative face video coding: their conditions as far as they are public, and their SEI message."""
