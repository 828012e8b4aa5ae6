"""The window, driven as a user would."""
