"""The controller's own reader of charm archives, which reads them when they are uploaded."""
