"""One Sigstore: what signs by it must know (signing configs, URLs) and what verifies by it (its trusted root)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.system.signing import Workshop
from tests.system.sigstore.ct_log import CtLog, ct_log
from tests.system.sigstore.oidc import OidcProvider
from tests.system.sigstore.rekor1 import rekor1
from tests.system.sigstore.services import Service, fulcio, rekor2, timestamp_server

V1: Final = "1"
V2: Final = "2"
"""The versions of Rekor, as signing configs write them."""


@dataclass(frozen=True, slots=True)
class Sigstore:
    """Running services that belong together. `logs` are by version; that of version 1 may not be there."""

    oidc: OidcProvider
    ctfe: CtLog
    fulcio: Service
    logs: dict[str, Service]
    timestamps: Service

    def write_trusted_root(self, workshop: Workshop, file: Path) -> Path:
        """Have cosign write what vouches for all services, as of an hour ago."""
        since = f"start-time={_an_hour_ago()}"
        logs = [f"--rekor={_keyed(one)},{since},origin=127.0.0.1" for one in self.logs.values()]
        workshop.cosign(
            "trusted-root",
            "create",
            f"--fulcio=url={self.fulcio.url},certificate-chain={self.fulcio.trust},{since}",
            f"--ctfe=url={self.ctfe.url},public-key={self.ctfe.public_key},{since}",
            *logs,
            f"--tsa=url={self.timestamps.url},certificate-chain={self.timestamps.trust},{since}",
            f"--out={file}",
        )
        return file

    def write_signing_config(self, workshop: Workshop, file: Path, log: str, *, timestamp: bool) -> Path:
        """Have cosign write where to get a certificate, and an entry of the log of that version ("": none)."""
        common = f"start-time={_an_hour_ago()},operator=here"
        services = [f"--fulcio=url={self.fulcio.url},api-version=1,{common}"]
        if log:
            services += [f"--rekor=url={self.logs[log].url},api-version={log},{common}", "--rekor-config=ANY"]
        if timestamp:
            services += [f"--tsa=url={self.timestamps.url},api-version=1,{common}", "--tsa-config=ANY"]
        workshop.cosign("signing-config", "create", *services, f"--out={file}")
        return file


def _keyed(log: Service) -> str:
    return f"url={log.url},public-key={log.trust}"


def _an_hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def sigstore(folder: Path, oidc: OidcProvider, *, version1: bool) -> Iterator[Sigstore]:
    """A Sigstore whose certificates are by an intermediate authority. Keys and logs of its services lie in `folder`.

    Raises:
        PostgresqlMissing: `version1` asks for a log of Rekor v1, and there is no PostgreSQL for it.
    """
    with ExitStack() as stack:
        ctfe = stack.enter_context(ct_log(folder))
        authority = stack.enter_context(fulcio(folder, oidc, ctfe, intermediate=True))
        timestamps = stack.enter_context(timestamp_server(folder))
        logs = {V2: stack.enter_context(rekor2(folder))}
        if version1:
            logs[V1] = stack.enter_context(rekor1(folder))
        yield Sigstore(oidc, ctfe, authority, logs, timestamps)


@contextmanager
def neighbour(folder: Path, of: Sigstore) -> Iterator[Sigstore]:
    """Another Sigstore that issues certificates to the same people and shares nothing else but the timestamps."""
    with (
        ct_log(folder) as ctfe,
        fulcio(folder, of.oidc, ctfe, intermediate=False) as authority,
        rekor2(folder) as log,
    ):
        yield Sigstore(of.oidc, ctfe, authority, {V2: log}, of.timestamps)
