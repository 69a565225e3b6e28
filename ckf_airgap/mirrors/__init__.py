"""Mirrors: what nodes need so that they look for images of public registries in a private one.

Pure text: `plan` says what is mirrored, a module for each kind of node writes its files, and
`files` puts them together.
"""
