"""OUT-08: a marker in every secret, every situation run, and the marker looked for everywhere but where it belongs."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

import pytest

from tests.fakes.network import Authority
from tests.fakes.registry import OCI_MANIFEST, TOKEN_PATH, BasicAuth, FakeRegistry, Layer, TokenAuth, basic
from tests.fakes.replies import answering, endless, raw, redirecting, stalling
from tests.registry.conftest import Connect, Serve
from webhook import images
from webhook.errors import NotFoundOutError
from webhook.images import PinnedImage
from webhook.registry.keychain import Credentials
from webhook.registry.settings import Limits

MARKER = "s3cr3t-marker"
PASSWORD = Credentials("user-marker", MARKER)
IDENTITY = Credentials("user-marker", "", MARKER)
ENCODED = basic("user-marker", MARKER).removeprefix("Basic ")
HOST = "registry.example.com"
STRANGER = "stranger.example.net"
PATH = "/v2/app/manifests/1"

Situation = Callable[[FakeRegistry, FakeRegistry], None]


def everything_works(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth("user-marker", MARKER, token=MARKER)


def everything_works_with_a_password(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = BasicAuth("user-marker", MARKER)


def the_credentials_are_wrong(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth("user-marker", "other")


def the_realm_is_a_strangers(registry: FakeRegistry, stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth(realm=f"https://{STRANGER}/token?{MARKER}")
    stranger.auth = TokenAuth()


def the_realm_has_credentials(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth(realm=f"https://user:{MARKER}@{HOST}/token")


def content_is_elsewhere(registry: FakeRegistry, stranger: FakeRegistry) -> None:
    registry.auth = BasicAuth("user-marker", MARKER)
    registry.replies[PATH] = redirecting(f"https://{STRANGER}{PATH}")
    stranger.auth = BasicAuth("user-marker", MARKER)


def a_redirect_has_a_signed_query(registry: FakeRegistry, stranger: FakeRegistry) -> None:
    registry.replies[PATH] = redirecting(f"https://{STRANGER}/x?X-Amz-Signature={MARKER}")
    stranger.replies["/x"] = answering(500, MARKER.encode())


def the_token_echoes_the_password(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth(answer=f'{{"token": "{MARKER}\\r\\n"}}'.encode())


def the_answer_is_no_http(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = BasicAuth("user-marker", MARKER)
    registry.replies[PATH] = raw(f"HTTP/1.1 {MARKER}\r\n{MARKER}\r\n\r\n".encode())


def the_answer_breaks_off(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = BasicAuth("user-marker", MARKER)
    registry.replies[PATH] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + MARKER.encode())


def the_answer_never_ends(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = BasicAuth("user-marker", MARKER)
    registry.replies[PATH] = endless({"Content-Type": OCI_MANIFEST})


def the_answer_never_comes(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.auth = TokenAuth("user-marker", MARKER)
    registry.replies[TOKEN_PATH] = stalling(registry.released)


def the_registry_fails(registry: FakeRegistry, _stranger: FakeRegistry) -> None:
    registry.replies[PATH] = answering(500, MARKER.encode(), {"WWW-Authenticate": MARKER, "X-Error": MARKER})


SITUATIONS = (
    everything_works,
    everything_works_with_a_password,
    the_credentials_are_wrong,
    the_realm_is_a_strangers,
    the_realm_has_credentials,
    content_is_elsewhere,
    a_redirect_has_a_signed_query,
    the_token_echoes_the_password,
    the_answer_is_no_http,
    the_answer_breaks_off,
    the_answer_never_ends,
    the_answer_never_comes,
    the_registry_fails,
)


@pytest.fixture
async def debugging() -> AsyncIterator[None]:
    """Lets asyncio say all that it has to say."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    yield
    loop.set_debug(False)


@pytest.mark.usefixtures("debugging")
@pytest.mark.parametrize("credentials", [PASSWORD, IDENTITY])
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_out_08_no_secret_reaches_a_message_a_log_or_another_host(
    connect: Connect,
    serve: Serve,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    situation: Situation,
    credentials: Credentials,
) -> None:
    caplog.set_level(logging.DEBUG)
    registry: FakeRegistry = await serve(HOST)
    stranger: FakeRegistry = await serve(STRANGER)
    digest = registry.put_image("app", tag="1")
    registry.put_signature("app", digest, [Layer(b"payload")])
    situation(registry, stranger)
    client = connect(
        credentials,
        names={HOST: registry, STRANGER: stranger},
        ca_files={HOST: authority.pem, STRANGER: authority.pem},
        allow_addresses=(ip_network("127.0.0.1/32"),),
        limits=Limits(request_seconds=0.3),
    )
    image = images.parse(f"{HOST}/app@{digest}").pinned()
    assert isinstance(image, PinnedImage)

    said = [repr(client)]
    try:
        said.append(str(await client.resolve(images.parse(f"{HOST}/app:1"))))
    except NotFoundOutError as error:
        said += [str(error), repr(error), *traceback.format_exception(error)]
    said.append(repr(await client.evidence(image, attestations=False)))
    said += [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp.server")]
    said += capfd.readouterr()

    assert registry.asked
    for text in said:
        assert "marker" not in text
        assert ENCODED not in text
    for asked in stranger.asked:
        assert asked.authorization is None
        assert "marker" not in "".join(asked.form.values())
