"""The embedded Juju controller: a rehearsal of one, strict as the real thing."""
