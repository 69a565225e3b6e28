"""Talking to a controller: connections, calls, uploads, and what a model has now."""
