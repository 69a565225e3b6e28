"""Moves images: registries, OCI layouts, archives, and a Docker Engine."""
