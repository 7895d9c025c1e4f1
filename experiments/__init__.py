"""facewire: experiments (see docs/ARCHITECTURE.md)."""
