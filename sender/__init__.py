"""facewire: sender (see docs/ARCHITECTURE.md)."""
