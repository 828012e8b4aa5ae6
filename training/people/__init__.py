"""Bodies of any shape, dressed."""
