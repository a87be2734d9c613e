"""Signatures of an image: bytes in, outcome out. No I/O, no clock, no event loop.

`evidence` is what was found beside an image; `cosign` and `bundle` read the two formats into `candidate`s, with
`strict_json`; `keys` checks one signature with one public key; `authorities` are who may vouch, `examine` tries one
thing found with each of them, and `verify` counts.
"""
