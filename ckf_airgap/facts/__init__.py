"""Facts of the shipped releases, from the data files under ``bundles/``."""
