"""Traces of links: what a path carried, how long it took and what it lost, over time; recorded, or made by documented models."""
