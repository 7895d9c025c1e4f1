"""Training that reads top to bottom: cache -> motion basis -> networks -> runs/."""
