"""Rendered clips on disk: made by many processes, resumed when stopped, the same bytes each time."""
