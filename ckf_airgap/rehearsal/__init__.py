"""The embedded Juju controller: a rehearsal controller as strict as a real one."""
