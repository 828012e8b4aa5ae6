"""Training and judging the nets that lift 2D to 3D."""
