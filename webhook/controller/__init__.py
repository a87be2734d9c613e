"""`tidewaiter controller`: what looks after a release in its cluster. Nothing that admits a pod depends on it."""
