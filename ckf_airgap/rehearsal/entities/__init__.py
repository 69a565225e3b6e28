"""What a model is made of: applications, units, relations, charms, resources. Data alone."""
