"""PyTorch networks, in clip and in step form."""
