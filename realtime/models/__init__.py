"""Manifests, and the lifters trained in this project (small ONNX files)."""
