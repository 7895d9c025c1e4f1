"""facewire: receiver (see docs/ARCHITECTURE.md)."""
