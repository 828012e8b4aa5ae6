"""Inference engines: one protocol, one file a back end."""
