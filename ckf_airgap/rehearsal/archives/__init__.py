"""Charm archives as the controller reads them when they are uploaded: its own reader of charms."""
