"""Pipelines for a window: started, stopped and switched while the window lives. Knows nothing of Qt."""
