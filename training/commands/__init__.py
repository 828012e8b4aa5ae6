"""The commands of the training side."""
