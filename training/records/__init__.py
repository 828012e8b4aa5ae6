"""What a 2D net says of rendered people, beside the truth."""
