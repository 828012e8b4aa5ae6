"""Measuring a camera: boards to print, finding them in images, the solve, and what it is worth."""
