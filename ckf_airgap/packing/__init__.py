"""The pack: the directory that is carried across the gap; made, checked, and laid out.

`ckf_airgap.packing.build` makes it, `ckf_airgap.packing.verify` checks it, and
`ckf_airgap.packing.unpack` lays it out. ``docs/pack.md`` describes its files.
"""
