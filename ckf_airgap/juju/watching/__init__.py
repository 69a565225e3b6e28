"""Watching a model, and deciding when it is ready."""
