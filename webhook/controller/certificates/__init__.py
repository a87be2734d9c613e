"""The certificates that `serve` shows to the API server, and the trust in them: made, renewed, mended."""
