"""All that talks to a Juju controller; the only room that imports libjuju.

`ckf_airgap.juju.connection` connects, `ckf_airgap.juju.deploy` carries out a plan, and
`ckf_airgap.juju.watch` waits. Parsing and planning need no libjuju, so nothing is imported here.
"""
