"""Measurements of the services: what a room costs, what a call costs to set up, what a fall of a process does."""
