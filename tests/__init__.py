"""The tests; a package so that helpers can be imported whatever else is installed under this name."""
