"""A model as the controller describes it: at one moment, and change by change. Pure."""
