"""The facades of the controller, one module per family."""
