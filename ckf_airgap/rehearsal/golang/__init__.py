"""What Go and Juju's libraries make of texts and values, in their words."""
