"""A Sigstore on loopback: real Fulcio, Rekor v1 and v2 and timestamp server; small fakes of what they lean on."""
