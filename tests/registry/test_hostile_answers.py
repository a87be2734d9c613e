"""What is believed of an answer, how much of it is read, and what each failure is called."""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping

import pytest
from aiohttp import web

from tests.fakes.registry import OCI_MANIFEST, FakeRegistry
from tests.fakes.replies import answering, endless, raw, stalling
from tests.registry.conftest import Connect, failure, resolve
from webhook.errors import (
    ImageNotFoundError,
    NotFoundOutError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry.manifests import OCI_INDEX
from webhook.registry.settings import Limits
from webhook.registry.transport import TooLongError

PATH = "/v2/app/manifests/1"
TYPED = {"Content-Type": OCI_MANIFEST}


CONTENT = b'{"schemaVersion":2,"config":{"mediaType":"x","digest":"x","size":1},"layers":[]}'


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def test_reg_06_the_body_decides_and_a_header_that_says_otherwise_is_refused(
    registry: FakeRegistry, connect: Connect
) -> None:
    client = connect()
    registry.replies[PATH] = answering(200, CONTENT, {**TYPED, "Docker-Content-Digest": digest_of(CONTENT)})
    assert await resolve(client, registry.host) == digest_of(CONTENT)
    registry.replies[PATH] = answering(200, CONTENT, TYPED)
    assert await resolve(client, registry.host) == digest_of(CONTENT)
    registry.replies[PATH] = answering(200, CONTENT, {**TYPED, "Docker-Content-Digest": "sha256:" + "0" * 64})
    error = await failure(client, registry.host)
    assert type(error) is RegistryResponseError
    assert str(error) == f"registry {registry.host} answered with another digest than its content has"


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        (
            b"<html>portal</html>",
            {"Content-Type": "text/html"},
            "the manifest is of a type that is neither OCI's nor Docker's",
        ),
        (b"", TYPED, "the manifest is not the JSON document that its type says"),
        (b"[]", TYPED, "the manifest is not the JSON document that its type says"),
        (
            CONTENT,
            {"Content-Type": OCI_INDEX},
            "the manifest has not the fields of its type, or those of another type too",
        ),
        (
            CONTENT.replace(b'"layers"', b'"manifests":[],"layers"'),
            TYPED,
            "the manifest has not the fields of its type, or those of another type too",
        ),
    ],
)
async def test_reg_16_an_answer_that_is_no_image_is_refused(
    registry: FakeRegistry, connect: Connect, body: bytes, headers: Mapping[str, str], text: str
) -> None:
    registry.replies[PATH] = answering(200, body, headers)
    error = await failure(connect(), registry.host)
    assert type(error) is RegistryResponseError
    assert str(error) == text


async def test_parameters_of_a_content_type_do_not_matter(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = answering(200, CONTENT, {"Content-Type": f"{OCI_MANIFEST.upper()}; charset=utf-8"})
    assert await resolve(connect(), registry.host) == digest_of(CONTENT)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br", "zstd", "deflate"])
async def test_reg_08_an_encoded_answer_is_refused_without_decoding_it(
    registry: FakeRegistry, connect: Connect, encoding: str
) -> None:
    registry.replies[PATH] = answering(200, gzip.compress(CONTENT), {**TYPED, "Content-Encoding": encoding})
    error = await failure(connect(), registry.host)
    assert type(error) is RegistryResponseError
    assert str(error) == f"registry {registry.host} answered in an encoding that was not asked for"


async def test_reg_07_an_endless_body_is_cut_off_at_the_ceiling(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = endless(TYPED)
    error = await failure(connect(limits=Limits(manifest_bytes=100_000)), registry.host)
    assert type(error) is TooLongError
    assert str(error) == f"registry {registry.host} answered with more than 100000 bytes"


async def test_a_body_as_long_as_the_ceiling_is_taken(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = answering(200, CONTENT, TYPED)
    assert await resolve(connect(limits=Limits(manifest_bytes=len(CONTENT))), registry.host) == digest_of(CONTENT)
    error = await failure(connect(limits=Limits(manifest_bytes=len(CONTENT) - 1)), registry.host)
    assert str(error) == f"registry {registry.host} answered with more than {len(CONTENT) - 1} bytes"


async def test_a_body_that_announces_no_length_is_taken(registry: FakeRegistry, connect: Connect) -> None:
    registry.released.set()
    registry.replies[PATH] = stalling(registry.released, CONTENT, TYPED)
    assert await resolve(connect(), registry.host) == digest_of(CONTENT)


async def test_the_body_of_an_error_is_dropped_however_long_it_is(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = endless(status=500)
    assert str(await failure(connect(), registry.host)) == f"registry {registry.host} answered with status 500"


async def test_reg_07_a_body_that_stops_ends_at_the_deadline(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = stalling(registry.released, CONTENT, TYPED)
    error = await failure(connect(limits=Limits(request_seconds=0.2)), registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"registry {registry.host} did not answer within 0.2 s"


async def test_reg_07_a_body_that_comes_byte_by_byte_ends_at_the_deadline(
    registry: FakeRegistry, connect: Connect
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=TYPED)
        await response.prepare(request)
        while not registry.released.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.01)  # the speed of this registry
        return response

    registry.replies[PATH] = trickle
    error = await failure(connect(limits=Limits(request_seconds=0.2)), registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"registry {registry.host} did not answer within 0.2 s"


async def test_a_caller_that_gives_up_is_not_told_of_a_deadline(registry: FakeRegistry, connect: Connect) -> None:
    reached = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        reached.set()
        return await stalling(registry.released)(request)

    registry.replies[PATH] = wait
    asking = asyncio.create_task(resolve(connect(), registry.host))
    await reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    ("content", "expected", "text"),
    [
        (b"", RegistryUnavailableError, "the connection to registry {} broke"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{",
            RegistryUnavailableError,
            "the connection to registry {} broke",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: \xd9\xa3\r\n\r\n{}",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1_000 + b"\r\n",
            RegistryResponseError,
            "registry {} answered with something other than HTTP/1.1",
        ),
    ],
)
async def test_reg_10_a_broken_answer_is_none(
    registry: FakeRegistry, connect: Connect, content: bytes, expected: type[NotFoundOutError], text: str
) -> None:
    registry.replies[PATH] = raw(content)
    error = await failure(connect(), registry.host)
    assert isinstance(error, expected)
    assert str(error) == text.format(registry.host)


async def test_a_content_length_that_is_too_short_does_not_smuggle_more(
    registry: FakeRegistry, connect: Connect
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {OCI_MANIFEST}\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()
    registry.replies[PATH] = raw(head + CONTENT + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    client = connect()
    assert await resolve(client, registry.host) == digest_of(CONTENT)
    del registry.replies[PATH]
    assert type(await failure(client, registry.host)) is ImageNotFoundError
