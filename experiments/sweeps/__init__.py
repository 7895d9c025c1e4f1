"""Sweeps: one setting of a call is varied, everything else stands still, and what that does is measured on many clips."""
