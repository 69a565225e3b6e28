"""The embedded Juju controller: a rehearsal of one, as strict as the real thing."""
