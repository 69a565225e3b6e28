"""Stores on disk: OCI layouts, and the archive that crosses the gap."""
