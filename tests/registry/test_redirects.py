"""REG-04: who is followed, with what, and how far."""

from ipaddress import ip_network

import pytest

from tests.fakes.network import Authority
from tests.fakes.registry import BasicAuth, FakeRegistry, Layer
from tests.fakes.replies import answering, redirecting
from tests.registry.conftest import Connect, Serve, resolve
from webhook import images
from webhook.errors import NotFoundOutError, RegistryResponseError
from webhook.images import PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.guard import Network
from webhook.registry.keychain import Credentials
from webhook.registry.settings import Limits

PATH = "/v2/app/manifests/1"
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
CREDENTIALS = Credentials("me", "pw")


async def refusal(client: RegistryClient, host: str) -> str:
    with pytest.raises(RegistryResponseError) as raised:
        await resolve(client, host)
    return str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_within_a_registry_keeps_the_credentials(
    registry: FakeRegistry, connect: Connect, status: int
) -> None:
    digest = registry.put_image("app", tag="2")
    registry.auth = BasicAuth("me", "pw")
    registry.replies[PATH] = redirecting("/v2/app/manifests/2", status)
    assert await resolve(connect(CREDENTIALS), registry.host) == digest
    assert [asked.authorization for asked in registry.asked] == [None, "Basic bWU6cHc=", "Basic bWU6cHc="]


async def test_a_blob_comes_from_object_storage_without_credentials(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app")
    registry.put_signature("app", digest, [Layer(b"payload")])
    registry.auth = BasicAuth("me", "pw")
    async with FakeRegistry() as storage:
        blob = storage.put_blob("app", b"payload")
        registry.replies[f"/v2/app/blobs/{blob}"] = redirecting(f"{storage.origin}/v2/app/blobs/{blob}?X-Sig=a%2Fb")
        client = connect(CREDENTIALS, insecure_hosts=frozenset({registry.host, storage.host}))
        image = images.parse(f"{registry.host}/app@{digest}").pinned()
        assert isinstance(image, PinnedImage)
        found = (await client.evidence(image, attestations=False)).attachments
        assert [attachment.content for attachment in found] == [b"payload"]
        assert [(asked.authorization, asked.query) for asked in storage.asked] == [(None, {"X-Sig": "a/b"})]


async def test_credentials_that_were_left_behind_do_not_come_back(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="2")
    registry.auth = BasicAuth("me", "pw")
    async with FakeRegistry() as other:
        registry.replies[PATH] = redirecting(f"{other.origin}/x")
        other.replies["/x"] = redirecting(f"{registry.origin}/v2/app/manifests/2")
        client = connect(CREDENTIALS, insecure_hosts=frozenset({registry.host, other.host}))
        with pytest.raises(NotFoundOutError):
            await resolve(client, registry.host)
        assert [asked.authorization for asked in other.asked] == [None]
        assert [(asked.path, asked.authorization) for asked in registry.asked] == [
            (PATH, None),
            (PATH, "Basic bWU6cHc="),
            ("/v2/app/manifests/2", None),
        ]


async def test_what_a_redirect_leads_to_is_judged_by_its_content(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", content="good")
    signature = registry.put_signature("app", digest, [Layer(b"payload")])
    async with FakeRegistry() as other:
        other.replies["/x"] = answering(200, b"forged!")
        blob = registry.put_blob("app", b"payload")
        registry.replies[f"/v2/app/blobs/{blob}"] = redirecting(f"{other.origin}/x")
        client = connect(insecure_hosts=frozenset({registry.host, other.host}))
        image = images.parse(f"{registry.host}/app@{digest}").pinned()
        assert isinstance(image, PinnedImage)
        evidence = await client.evidence(image, attestations=False)
        assert signature
        assert not evidence.attachments
        assert [fault.reason for fault in evidence.unusable] == [
            f"registry {registry.host} answered with other content than the digest names"
        ]


async def test_five_hops_are_followed_and_six_are_not(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="end")
    for hop in range(1, 6):
        registry.replies[f"/v2/app/manifests/{hop}"] = redirecting(f"/v2/app/manifests/{hop + 1}")
    registry.replies["/v2/app/manifests/6"] = redirecting("/v2/app/manifests/end")
    client = connect()
    assert str((await client.resolve(images.parse(f"{registry.host}/app:2"))).digest) == digest
    assert await refusal(client, registry.host) == f"registry {registry.host} redirects more than 5 times"


async def test_a_loop_ends(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = redirecting(PATH)
    text = await refusal(connect(limits=Limits(redirects=3)), registry.host)
    assert text == f"registry {registry.host} redirects more than 3 times"
    assert len(registry.asked) == 4


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("", "redirects to a URL with characters that no URL has"),
        ("file:///etc/passwd", "redirects to a URL that is neither http nor https"),
        ("http://me:pw@127.0.0.1/", "redirects to a URL with credentials in it"),
        ("http://169.254.169.254/latest", "names a host in plain http that no flag names insecure"),
        ("https://169.254.169.254/latest", "names a host that has a metadata address, which may not be dialled"),
        ("https://[::ffff:a9fe:a9fe]/latest", "names a host that has a metadata address, which may not be dialled"),
        ("https://127.0.0.1/", "names a host that has a loopback address, which may not be dialled"),
        ("https://2130706433/", "names a host that is a number that is not an IP address in its usual form"),
        ("https://metadata.example/", "names a host that has a metadata address, which may not be dialled"),
        ("https://rebound.example/", "names a host that has a loopback address, which may not be dialled"),
    ],
)
async def test_reg_03_04_a_redirect_to_an_inner_address_is_not_followed(
    registry: FakeRegistry, connect: Connect, location: str, text: str
) -> None:
    registry.replies[PATH] = redirecting(location)
    client = connect(names={"metadata.example": "169.254.169.254", "rebound.example": registry})
    assert await refusal(client, registry.host) == f"registry {registry.host} {text}"
    assert registry.paths == [PATH]


async def test_reg_04_https_never_becomes_http(connect: Connect, serve: Serve, authority: Authority) -> None:
    registry: FakeRegistry = await serve("registry.example.com")
    async with FakeRegistry() as plain:
        registry.replies[PATH] = redirecting(f"{plain.origin}{PATH}")
        client = connect(
            names={"registry.example.com": registry},
            ca_files={"registry.example.com": authority.pem},
            allow_addresses=LOOPBACK,
            insecure_hosts=frozenset({plain.host}),
        )
        text = await refusal(client, "registry.example.com")
        assert text == "registry registry.example.com redirects from https to http"
        assert plain.asked == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_redirects_target_gets_no_credentials_by_asking(
    registry: FakeRegistry, connect: Connect, status: int
) -> None:
    async with FakeRegistry() as other:
        registry.replies[PATH] = redirecting(f"{other.origin}/x")
        other.replies["/x"] = answering(status, headers={"WWW-Authenticate": 'Basic realm="give"'})
        client = connect(CREDENTIALS, insecure_hosts=frozenset({registry.host, other.host}))
        text = await refusal(client, registry.host)
        assert text == f"registry {registry.host} redirects to a host that answered with {status}"
        assert [asked.authorization for asked in other.asked] == [None]


async def test_a_404_behind_a_redirect_is_one(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app")
    registry.replies[f"/v2/app/manifests/{digest.replace(':', '-')}.sig"] = redirecting("/v2/gone/manifests/1")
    image = images.parse(f"{registry.host}/app@{digest}").pinned()
    assert isinstance(image, PinnedImage)
    evidence = await connect().evidence(image, attestations=False)
    assert (evidence.attachments, evidence.unusable, evidence.unanswered) == ((), (), ())


async def test_a_list_of_referrers_is_not_looked_for_elsewhere(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app")
    registry.replies[f"/v2/app/referrers/{digest}"] = redirecting("/v2/other/referrers/x")
    image = images.parse(f"{registry.host}/app@{digest}").pinned()
    assert isinstance(image, PinnedImage)
    evidence = await connect().evidence(image, attestations=False)
    assert [(fault.source, fault.reason) for fault in evidence.unusable] == [
        ("referrers API", f"registry {registry.host} answered with status 307")
    ]
    assert "/v2/other/referrers/x" not in registry.paths
