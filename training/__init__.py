"""Motion, virtual cameras, error models, training, rendering and evaluation."""
