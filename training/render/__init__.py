"""Pictures of people with exact truth."""
