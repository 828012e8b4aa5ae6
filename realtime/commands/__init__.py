"""The commands a user types; the only place in the runtime that prints."""
