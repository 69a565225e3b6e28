"""Charms: what one declares, and how a ``.charm`` file or a directory of them is read."""
