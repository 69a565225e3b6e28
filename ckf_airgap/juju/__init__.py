"""All that talks to a Juju controller; the only room that imports libjuju."""
