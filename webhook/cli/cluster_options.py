"""Flags of the commands that have to do with a cluster."""

from webhook.cli.options import option

health_bind_option = option(
    "--health-bind",
    default="0.0.0.0:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where /livez, /readyz and /metrics are, over plain HTTP.",
)

secrets_namespace_option = option(
    "--secrets-namespace",
    metavar="NAMESPACE",
    help="Where the Secrets lie whose keys policies of the cluster name: tidewaiter's own namespace.",
)

pull_secrets_option = option(
    "--pull-secrets/--no-pull-secrets",
    default=False,
    show_default=True,
    help="Read the Secrets that a pod names in imagePullSecrets, to see its images; needs the right to read Secrets.",
)
