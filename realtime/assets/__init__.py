"""The sample clip with its exact ground truth."""
