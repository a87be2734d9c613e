from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.network import FakeResolver
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import Connect
from webhook import images
from webhook.codes import Code
from webhook.registry.endpoint import Endpoint
from webhook.registry.guard import Address, AddressRefusedError, Guard, GuardedResolver, Kind, destination, kind_of
from webhook.registry.settings import RegistrySettings
from webhook.signatures.evidence import Evidence

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", None),
        ("2606:4700::1111", None),
        ("0.0.0.0", Kind.UNSPECIFIED),
        ("0.1.2.3", Kind.UNSPECIFIED),
        ("::", Kind.UNSPECIFIED),
        ("127.0.0.1", Kind.LOOPBACK),
        ("127.255.255.254", Kind.LOOPBACK),
        ("::1", Kind.LOOPBACK),
        ("169.254.1.1", Kind.LINK_LOCAL),
        ("fe80::1", Kind.LINK_LOCAL),
        ("fe80::1%eth0", Kind.LINK_LOCAL),
        ("169.254.169.254", Kind.METADATA),
        ("169.254.170.2", Kind.METADATA),
        ("100.100.100.200", Kind.METADATA),
        ("168.63.129.16", Kind.METADATA),
        ("fd00:ec2::254", Kind.METADATA),
        ("fd20:ce::254", Kind.METADATA),
        ("224.0.0.1", Kind.MULTICAST),
        ("ff02::1", Kind.MULTICAST),
        ("10.0.0.1", Kind.PRIVATE),
        ("172.31.255.255", Kind.PRIVATE),
        ("172.32.0.0", None),
        ("192.168.1.1", Kind.PRIVATE),
        ("100.64.0.1", Kind.PRIVATE),
        ("fd12::1", Kind.PRIVATE),
        ("192.0.2.1", Kind.RESERVED),
        ("198.18.0.1", Kind.RESERVED),
        ("240.0.0.1", Kind.RESERVED),
        ("255.255.255.255", Kind.RESERVED),
        ("2001:db8::1", Kind.RESERVED),
        ("2001:0:4136:e378::1", Kind.RESERVED),
        ("fec0::1", Kind.RESERVED),
        ("64:ff9b:1::a9fe:a9fe", Kind.RESERVED),
        ("::127.0.0.1", Kind.RESERVED),
        ("::ffff:0:127.0.0.1", Kind.RESERVED),
        ("::ffff:169.254.169.254", Kind.METADATA),
        ("::ffff:127.0.0.1", Kind.LOOPBACK),
        ("::ffff:10.0.0.1", Kind.PRIVATE),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::169.254.169.254", Kind.METADATA),
        ("64:ff9b::10.0.0.1", Kind.PRIVATE),
        ("64:ff9b::8.8.8.8", None),
        ("2002:7f00:1::", Kind.LOOPBACK),
        ("2002:a9fe:a9fe::1", Kind.METADATA),
        ("2002:808:808::1", None),
    ],
)
def test_an_address_is_known_for_what_it_is_for(address: str, kind: Kind | None) -> None:
    assert kind_of(ip_address(address)) is kind


@given(st.ip_addresses())
def test_what_is_dialled_unasked_leads_to_a_global_address(address: Address) -> None:
    if kind_of(address) is None:
        assert destination(address).is_global
        assert not destination(address).is_multicast


def guard(**settings: object) -> Guard:
    return Guard(RegistrySettings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind_and_address", [("loopback", "127.0.0.1"), ("link-local", "169.254.1.1"), ("metadata", "169.254.169.254")]
)
def test_an_allowlist_makes_private_addresses_dialled_and_no_others(kind_and_address: tuple[str, str]) -> None:
    named = guard(private_hosts={"registry.corp:5000"}.__contains__)
    kind, address = kind_and_address
    assert named.refusal("registry.corp", 5000, ip_address("10.0.0.1")) is None
    assert named.refusal("registry.corp", 5001, ip_address("10.0.0.1")) is Kind.PRIVATE
    assert named.refusal("registry.corp", 5000, ip_address(address)) == kind


def test_a_host_named_without_port_is_meant_on_its_usual_port() -> None:
    named = guard(private_hosts={"registry.corp", "docker.io"}.__contains__)
    assert named.refusal("registry.corp", 443, ip_address("10.0.0.1")) is None
    assert named.refusal("registry.corp", 5000, ip_address("10.0.0.1")) is Kind.PRIVATE
    assert named.refusal("registry-1.docker.io", 443, ip_address("10.0.0.1")) is None


def test_an_insecure_host_may_be_private_or_loopback_and_metadata_only_when_the_flag_is_that_address() -> None:
    named = guard(insecure_hosts=frozenset({"registry.local:5000", "169.254.169.254:5000"}))
    assert named.refusal("registry.local", 5000, ip_address("10.0.0.1")) is None
    assert named.refusal("registry.local", 5000, ip_address("127.0.0.1")) is None
    assert named.refusal("registry.local", 5000, ip_address("169.254.169.254")) is Kind.METADATA
    assert named.refusal("169.254.169.254", 5000, ip_address("169.254.169.254")) is None


def test_a_flag_that_names_an_address_allows_it_in_every_form() -> None:
    allowed = guard(allow_addresses=(ip_network("127.0.0.0/30"), ip_network("fd00::/8")))
    assert allowed.refusal("any.host", 443, ip_address("127.0.0.1")) is None
    assert allowed.refusal("any.host", 443, ip_address("::ffff:127.0.0.1")) is None
    assert allowed.refusal("any.host", 443, ip_address("fd00:ec2::254")) is None
    assert allowed.refusal("any.host", 443, ip_address("127.0.0.4")) is Kind.LOOPBACK


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.1",
        "a.0xff",
        "010.0.0.1",
    ],
)
def test_img_11_a_number_in_an_odd_form_is_refused_before_it_is_resolved(host: str) -> None:
    with pytest.raises(AddressRefusedError, match=r"^is a number that is not an IP address in its usual form$"):
        guard().check(Endpoint("https", host, 443))


@pytest.mark.parametrize("host", ["ghcr.io", "1.example", "0x.example", "8.8.8.8", "2606:4700::1111"])
def test_names_and_public_addresses_pass_the_first_look(host: str) -> None:
    guard().check(Endpoint("https", host, 443))


async def test_reg_03_of_a_names_addresses_only_the_permitted_ones_are_handed_on() -> None:
    class Several(FakeResolver):
        async def resolve(self, host: str, port: int = 0, family: object = 0) -> list[object]:  # type: ignore[override]
            return [{"host": address} for address in ("127.0.0.1", "8.8.8.8", "10.0.0.1")]

    resolver = GuardedResolver(guard(), lambda: Several({}))
    assert [result["host"] for result in await resolver.resolve("mixed.example", 443)] == ["8.8.8.8"]


async def test_a_name_without_addresses_is_not_found() -> None:
    class Empty(FakeResolver):
        async def resolve(self, host: str, port: int = 0, family: object = 0) -> list[object]:  # type: ignore[override]
            return []

    with pytest.raises(OSError, match="the name has no address"):
        await GuardedResolver(guard(), lambda: Empty({})).resolve("empty.example", 443)


async def test_a_name_that_pythons_idna_codec_refuses_is_not_found() -> None:
    class Strict(FakeResolver):
        async def resolve(self, host: str, port: int = 0, family: object = 0) -> list[object]:  # type: ignore[override]
            raise UnicodeError("label too long")

    with pytest.raises(OSError, match="the name cannot be resolved"):
        await GuardedResolver(guard(), lambda: Strict({})).resolve("strict.example", 443)


def refusals(evidence: Evidence) -> set[tuple[Code, str]]:
    assert not evidence.attachments
    assert not evidence.unusable
    return {(unanswered.code, unanswered.reason) for unanswered in evidence.unanswered}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("169.254.169.254", "has a metadata address, which may not be dialled"),
        ("127.0.0.1", "has a loopback address, which may not be dialled"),
        ("[::1]:5000", "has a loopback address, which may not be dialled"),
        ("0.0.0.0:5000", "has an unspecified address, which may not be dialled"),
        ("10.1.2.3", "has a private address, which may not be dialled"),
        ("127.1", "is a number that is not an IP address in its usual form"),
        ("0x7f.1", "is a number that is not an IP address in its usual form"),
        ("2130706433:5000", "is a number that is not an IP address in its usual form"),
        ("017700000001:5000", "is a number that is not an IP address in its usual form"),
        ("metadata.google.internal", "has a metadata address, which may not be dialled"),
        ("kubernetes.default.svc", "has a private address, which may not be dialled"),
        ("localhost:5000", "has a loopback address, which may not be dialled"),
        ("rebound.example", "has a loopback address, which may not be dialled"),
    ],
)
async def test_img_11_no_packet_goes_to_an_inner_address(
    registry: FakeRegistry, connect: Connect, host: str, reason: str
) -> None:
    names: dict[str, FakeRegistry | str] = {
        "metadata.google.internal": "169.254.169.254",
        "kubernetes.default.svc": "10.96.0.1",
        "localhost": registry,
        "rebound.example": registry,
    }
    resolver = FakeResolver(names)
    client = connect(resolver=resolver, insecure_hosts=frozenset())
    image = images.parse(f"{host}/app@{DIGEST}").pinned()
    assert image is not None
    assert refusals(await client.evidence(image, attestations=False)) == {
        (Code.ADDRESS_NOT_ALLOWED, f"registry {image.registry} {reason}")
    }
    assert registry.asked == []
    assert set(resolver.asked) <= set(names)


@given(st.ip_addresses(v=4))
def test_reg_03_an_ipv4_address_is_the_same_in_every_form_that_carries_it(inner: Address) -> None:
    number = int(inner)
    forms = (
        IPv6Address(0xFFFF << 32 | number),  # mapped, RFC 4291 2.5.5.2
        IPv6Address(0x64_FF9B << 96 | number),  # NAT64, RFC 6052
        IPv6Address(0x2002 << 112 | number << 80),  # 6to4, RFC 3056
    )
    assert {kind_of(form) for form in forms} == {kind_of(inner)}


@given(st.ip_addresses(v=4), st.integers(0, 2**64 - 1))
def test_reg_03_forms_that_lead_somewhere_only_locally_are_not_dialled(inner: Address, rest: int) -> None:
    number = int(inner)
    forms = (
        IPv6Address(number),  # IPv4-compatible, RFC 4291 2.5.5.1: deprecated
        IPv6Address(0xFFFF << 48 | number),  # translated, RFC 2765
        IPv6Address(0x64_FF9B_0001 << 80 | number),  # NAT64 with a local prefix, RFC 8215
        IPv6Address(0x2001_0000 << 96 | rest << 32 | number),  # Teredo, RFC 4380
    )
    assert all(kind_of(form) is not None for form in forms)
