"""The live window. It only reads the latest result."""
