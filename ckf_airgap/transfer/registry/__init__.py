"""Registries: one session for each host, logins, uploads and downloads."""
