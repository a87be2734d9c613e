"""Trust roots as programs have them: real servers on loopback, real policies, a real engine."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import SOON
from tests.fakes import sigstore
from tests.fakes.documents import BUNDLE, Layer
from tests.fakes.registry import FakeRegistry
from tests.fakes.tuf import FakeTuf
from tests.trust.scenario import KEYED, OURS, POLICY, ROOT, allowing, denials, needing
from tests.trust.serving import TufServer
from webhook.config import RegistryConfig, TrustConfig
from webhook.errors import (
    ConfigurationError,
)
from webhook.kube.namespaces import KnownNamespaces
from webhook.wiring import engine, trust_roots


async def test_a_command_fetches_a_trust_root_before_it_judges(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.hand_out(tuf)
    policies = FixedPolicies(needing(registry, server, tuf))
    config = allowing(server, registry, TrustConfig())
    async with engine(config, policies, KnownNamespaces({})) as decider:
        assert await denials(decider, registry) == []


async def test_a_repository_that_has_nothing_leaves_the_root_unavailable(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    policies = FixedPolicies(needing(registry, server, tuf))
    config = allowing(server, registry, TrustConfig())
    async with engine(config, policies, KnownNamespaces({})) as decider:
        assert await denials(decider, registry) == ["TRUST_ROOT_UNAVAILABLE"]


async def test_keys_without_a_log_do_not_need_it(server: TufServer, registry: FakeRegistry, tuf: FakeTuf) -> None:
    signer = sigstore.Key("release")
    bundle = sigstore.signature(signer=signer, log=sigstore.Log.NONE).content
    registry.put_referrer("app", sigstore.DIGEST, [Layer(bundle, media_type=BUNDLE)])
    keyless = POLICY % "registry.example.com"
    root = ROOT % (server.url(), tuf.root.decode())
    policies = FixedPolicies(book(KEYED % (json.dumps(signer.pem), registry.host), keyless, root))
    config = allowing(server, registry, TrustConfig())
    async with engine(config, policies, KnownNamespaces({})) as decider:
        assert await denials(decider, registry) == []


async def test_a_server_starts_without_the_repository_and_goes_on_with_it(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    answering_now = asyncio.Event()

    async def later(_request: web.Request) -> web.StreamResponse:
        await answering_now.wait()
        return web.Response(status=404)

    server.hand_out(tuf)
    server.replies["/tuf/2.root.json"] = later
    policies = FixedPolicies(needing(registry, server, tuf))
    config = allowing(server, registry, TrustConfig(upkeep=True))
    async with engine(config, policies, KnownNamespaces({})) as decider:
        assert await denials(decider, registry) == ["TRUST_ROOT_UNAVAILABLE"]
        answering_now.set()
        async with asyncio.timeout(SOON):
            while await denials(decider, registry):  # noqa: ASYNC110 - what is seen from outside has no event
                await asyncio.sleep(0.01)


async def test_a_root_of_a_flag_is_enough(server: TufServer, registry: FakeRegistry, tmp_path: Path) -> None:
    file = tmp_path / "trusted_root.json"
    file.write_bytes(OURS)
    policies = FixedPolicies(book(POLICY.replace("trustRoot: corp", "trustRoot: public-good") % registry.host))
    config = allowing(server, registry, TrustConfig(files=(("public-good", file),)))
    async with engine(config, policies, KnownNamespaces({})) as decider:
        assert await denials(decider, registry) == []
    async with engine(allowing(server, registry, TrustConfig()), policies, KnownNamespaces({})) as decider:
        [code] = await denials(decider, registry)
        assert code != "TRUST_ROOT_UNAVAILABLE", "Sigstore's own is there, and has not issued it"
    assert server.paths == []


async def test_one_name_by_flag_and_by_document_does_not_start(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf, tmp_path: Path
) -> None:
    file = tmp_path / "trusted_root.json"
    file.write_bytes(OURS)
    policies = FixedPolicies(needing(registry, server, tuf))
    with pytest.raises(ConfigurationError, match="corp is given both"):
        async with engine(
            allowing(server, registry, TrustConfig(files=(("corp", file),))), policies, KnownNamespaces({})
        ):
            pass


async def test_a_command_without_an_engine_names_what_it_needs(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.hand_out(tuf)
    roots = await trust_roots(TrustConfig(), server.trusted, needing(registry, server, tuf), {"public-good"})
    assert roots.current("corp") is not None
    assert roots.current("public-good") is not None
    alone = await trust_roots(TrustConfig(), RegistryConfig(), needed=["public-good"])
    assert alone.current("public-good") is not None
    assert alone.current("corp") is None
