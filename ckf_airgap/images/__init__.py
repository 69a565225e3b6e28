"""Images: references, lists, and every place of a charm or a bundle that names one."""
