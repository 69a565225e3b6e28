"""How Go and Juju's libraries read texts and values, with their error messages."""
