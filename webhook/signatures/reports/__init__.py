"""What attestations say: reports of scanners, statements of exploitability (VEX), and how old they are."""
