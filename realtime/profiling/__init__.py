"""Measuring: networks, the whole pipeline, a step against a window, and what changed between two runs."""
