"""Signatures and attestations of an image: bytes in, outcome out. No I/O, no clock, no event loop.

From bytes to candidates: `evidence` is what was found beside an image; `strict_json`, `dsse`, `bundle` and `cosign`
read it, and `examine` makes `candidate`s of it. Who vouches: `authorities` are whom a policy accepts, by `keys` or
`identities`; `vouching` tries a candidate with one of them, `counting` says how many voices there are, and `verify` is
the whole of it, with `outcome` and `explain`. `proofs` is what trust roots prove, `attestations` and `reports` are
what attestations say.
"""
