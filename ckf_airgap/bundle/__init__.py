"""Bundles and overlays: read, merged as Juju merges them, compared, and checked."""
