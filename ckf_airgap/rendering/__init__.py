"""Rendering: the overlay that points every charm and image at what is local, and its proof."""
