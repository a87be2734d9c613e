"""How the API server is reached, for a client that is not ours: as our own client would at this moment."""

from typing import NamedTuple

from webhook.kube.connection import Connection


class Credentials(NamedTuple):
    """Where the API server is, who vouches for it, and who we are. Nobody prints one of these."""

    server: str
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    scheme: str | None
    token: str | None
    insecure: bool

    def __repr__(self) -> str:
        return f"Credentials({self.server!r})"


async def credentials(connection: Connection) -> Credentials:
    """The connection's; a token from a file is read again when that is due. Raises whatever the client raises."""
    settings = (await connection.core()).api_client.configuration
    header = await settings.get_api_key_with_prefix("BearerToken")
    scheme, _, token = (header or "").strip().rpartition(" ")
    return Credentials(
        server=settings.host,
        ca_file=settings.ssl_ca_cert or None,
        certificate_file=settings.cert_file or None,
        key_file=settings.key_file or None,
        scheme=(scheme.strip().capitalize() or "Bearer") if token else None,
        token=token or None,
        insecure=not settings.verify_ssl,
    )
