"""What is asked of the Kubernetes API, with `kubernetes.aio`. Nothing here writes to the cluster."""
