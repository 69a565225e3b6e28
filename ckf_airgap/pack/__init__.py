"""The pack: the directory that is carried across the gap; made, checked, and laid out.

`ckf_airgap.pack.build` makes it, `ckf_airgap.pack.verify` checks it, `ckf_airgap.pack.unpack` lays
it out. ``docs/pack.md`` describes its files.
"""
