"""The controller as a process: address, certificates, users, the client store."""
