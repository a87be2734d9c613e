"""Real parts, started once for all tests."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.system.audit_log import AuditLog
from tests.system.certificates import write_authority, write_certificate
from tests.system.controlplane import ControlPlane
from tests.system.registries import distribution, ggcr_registry
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop, plain_registry, private_registry
from tests.system.sigstore.instance import neighbour, sigstore
from tests.system.sigstore.oidc import oidc_provider
from tests.system.sigstore.postgresql import why_missing
from tests.system.sigstore.signing import SigstoreWorkshop
from tests.system.sigstore.site import Site
from tests.system.tools import tool
from tests.system.values import referred, registries, values

KEYS = ("release", "second", "stranger")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"), KEYS)


@pytest.fixture(scope="session")
def ggcr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with ggcr_registry(tmp_path_factory.mktemp("ggcr")) as host:
        yield plain_registry(host)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """Signs the serving certificates of registries and of webhooks."""
    return trustme.CA()


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Iterator[Registry]:
    """distribution, over TLS by an authority of its own, for whoever knows the password."""
    folder = tmp_path_factory.mktemp("private")
    files = write_certificate(ca, folder)
    authority = write_authority(ca, folder / "ca.crt")
    with distribution(folder, basic_auth=True, tls=files) as host:
        yield private_registry(host, authority, folder / "docker")


@pytest.fixture(scope="session")
def helm() -> Path:
    return tool("helm4")


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Iterator[SigstoreWorkshop]:
    """Signs by a Sigstore of its own. It has no Rekor v1 where there is no PostgreSQL."""
    with oidc_provider() as oidc, sigstore(tmp_path_factory.mktemp("here"), oidc, version1=not why_missing()) as own:
        yield SigstoreWorkshop(workshop, own, "here")


@pytest.fixture(scope="session")
def next_door(tmp_path_factory: pytest.TempPathFactory, here: SigstoreWorkshop) -> Iterator[SigstoreWorkshop]:
    """Signs by another one, in which the same people can sign in."""
    with neighbour(tmp_path_factory.mktemp("next-door"), here.sigstore) as other:
        yield SigstoreWorkshop(here.workshop, other, "next-door")


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, here: SigstoreWorkshop, next_door: SigstoreWorkshop
) -> Iterator[Site]:
    with ggcr_registry(tmp_path_factory.mktemp("registry")) as host:
        yield Site(plain_registry(host), here, next_door)


TIERS = ("signed", "hardened", "advised", "watched")
"""Namespaces that bear their own name as the label `tier`, by which policies select them."""


@pytest.fixture(scope="session")
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    return AuditLog(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, audit_log: AuditLog) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("cluster")
    with ControlPlane(folder, api_server_args=audit_log.api_server_args, controller_manager=True) as running:
        for tier in TIERS:
            running.make_namespace(tier, {"tier": tier})
        yield running


@pytest.fixture(scope="session")
def images(workshop: Workshop, ggcr: Registry, private: Registry) -> dict[str, str]:
    """Images that pods are made of: by `release`, by somebody else, by nobody, and from where nobody is asked."""
    names = {"signed": ggcr, "foreign": ggcr, "unsigned": ggcr, "private": private, "private-unsigned": private}
    pushed = {name: workshop.push(registry, f"team/{name}") for name, registry in names.items()}
    workshop.sign(ggcr, pushed["signed"], "release", "signature")
    workshop.sign(ggcr, pushed["foreign"], "stranger", "signature")
    workshop.sign(private, pushed["private"], "release", "bundle")
    return {**pushed, "elsewhere": f"registry.invalid/team/signed@{pushed['signed'].partition('@')[2]}"}


@pytest.fixture(scope="session")
def install(
    tmp_path_factory: pytest.TempPathFactory,
    cluster: ControlPlane,
    helm: Path,
    ca: trustme.CA,
    ggcr: Registry,
    private: Registry,
) -> Install:
    def release(policies: Mapping[str, Any], make: Callable[..., Release] | None = None, **further: Any) -> Release:
        folder = tmp_path_factory.mktemp("release")
        settings = values(ca, folder, registries(ggcr, private), policies, **further)
        return (make or Release)(cluster, helm, folder, settings, referred(private))

    return release
