"""`tidewaiter demo`: a registry, a key, images and the real HTTPS server, all in one process and made on the spot."""

import asyncio
import ssl
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from webhook.cli.demo import scenario
from webhook.cli.demo.certificate import write_certificate
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import Case
from webhook.config import EngineConfig, RegistryConfig, ServeConfig
from webhook.server.program import running


class Asked(msgspec.Struct, frozen=True):
    """A case, and the webhook's response to its review."""

    case: Case
    response: Mapping[str, Any]

    @property
    def why(self) -> str:
        """The code of the finding that decides, or of what an Audit policy recorded; empty where there is none."""
        causes = self.response.get("status", {}).get("details", {}).get("causes", [])
        if causes:
            return str(causes[0]["reason"])
        recorded: str = self.response.get("auditAnnotations", {}).get("would-deny", "")
        return f"would be denied: {recorded.split(': ')[1]}" if recorded else ""

    @property
    def as_expected(self) -> bool:
        """Whether the webhook said what the case says it should."""
        found = self.case.code in self.why if self.case.code else not self.why
        return self.response["allowed"] is self.case.allowed and found


@click.command()
def demo() -> None:
    """Show on this machine what is admitted and what is not.

    Starts a registry and the webhook, signs images with a fresh key, asks for pods as an API server would and prints
    the answers. Needs no network and no cluster. Exit code 0 when every answer is as it should be.
    """
    started = time.perf_counter()
    asked, requests = asyncio.run(_ask_all())
    _print(asked, requests, time.perf_counter() - started)
    sys.exit(0 if all(each.as_expected for each in asked) else 1)


async def _ask_all() -> tuple[list[Asked], int]:
    key, stranger = scenario.make_key(), scenario.make_key()
    with tempfile.TemporaryDirectory(prefix="tidewaiter-demo-") as folder:
        async with DemoRegistry() as registry:
            images = scenario.push_images(registry, key, stranger)
            policies = Path(folder) / "policies.yaml"
            policies.write_text(scenario.policies(registry.host, key))
            async with _webhook(Path(folder), policies, registry.host) as (session, url):
                asked = [await _ask(session, url, case) for case in scenario.cases(images)]
            return asked, registry.requests


@asynccontextmanager
async def _webhook(folder: Path, policies: Path, registry: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """The webhook on a free port, and a client that trusts its certificate. What the webhook logs is not shown."""
    certificate, key = write_certificate(folder)
    config = ServeConfig(
        engine=EngineConfig(policies=(policies,), registry=RegistryConfig(insecure=frozenset({registry}))),
        bind=("127.0.0.1", 0),
        health_bind=("127.0.0.1", 0),
        tls_cert=certificate,
        tls_key=key,
        drain_seconds=0.0,
    )
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(certificate)))
    async with running(config, BytesIO()) as service, aiohttp.ClientSession(connector=connector) as session:
        (host, port), _ = service.addresses
        yield session, f"https://{host}:{port}/validate?timeout=10s"


async def _ask(session: aiohttp.ClientSession, url: str, case: Case) -> Asked:
    """Ask as the API server does."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": str(uuid.uuid4()),
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": case.namespace,
            "operation": "CREATE",
            "userInfo": {"username": "demo"},
            "object": case.pod,
        },
    }
    async with session.post(url, json=review) as answer:
        return Asked(case, (await answer.json())["response"])


def _print(asked: Sequence[Asked], requests: int, seconds: float) -> None:
    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("POD", "VERDICT", "WHY"):
        table.add_column(column, no_wrap=True)
    for each in asked:
        verdict = Text("admitted", "green") if each.response["allowed"] else Text("denied", "bold red")
        table.add_row(each.case.title, verdict, each.why if each.as_expected else Text("UNEXPECTED", "bold red"))
    console.print(table)
    denied = next(each for each in asked if not each.response["allowed"])
    click.echo("What the developer of the first denied pod reads:\n")
    click.echo(denied.response["status"]["message"])
    unexpected = sum(not each.as_expected for each in asked)
    outcome = f"{unexpected} not as it should be" if unexpected else "each as it should be"
    click.echo(f"\n{len(asked)} answers, {outcome}; {requests} requests to the registry, {seconds:.1f} s in all.")
