"""What must change in a model to be as a bundle says. Pure."""
