"""Tests of the image networks' training."""
