"""Charmhub: which revision a channel has, and its file (``docs/charmhub.md``)."""
