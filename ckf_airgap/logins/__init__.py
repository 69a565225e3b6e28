"""Logins to registries that others have left: where they are, and which one is for an image."""
