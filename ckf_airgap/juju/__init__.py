"""All that talks to a Juju controller; the only room that imports libjuju.

`planning` compares a bundle with a model, `controller` talks to a controller, `applying` carries
out a plan and `watching` waits; `snapshots` is what a model looks like at one moment. Planning
needs no libjuju, so nothing is imported here.
"""
