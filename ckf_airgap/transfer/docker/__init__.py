"""A Docker Engine, as a store and as a carrier."""
