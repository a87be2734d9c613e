"""What runs in a cluster, judged by the policies as if it were created now: the scan, and what is told of it."""
