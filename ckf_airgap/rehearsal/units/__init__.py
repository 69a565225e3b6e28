"""The life of units on an accelerated clock."""
