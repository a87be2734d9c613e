"""tidewaiter: a Kubernetes validating admission webhook."""

__version__ = "0.1.0"
