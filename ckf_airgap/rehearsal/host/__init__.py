"""The controller as a process: address, certificates, users and client store."""
