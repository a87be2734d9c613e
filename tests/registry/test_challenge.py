import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.registry.challenge import Challenge, ChallengeError, choose, parse, token_service
from webhook.registry.endpoint import Endpoint

WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}", fullmatch=True)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def https(host: str, port: int = 443) -> Endpoint:
    return Endpoint("https", host, port)


def bearer(realm: str, service: str = "s") -> Challenge:
    return Challenge("bearer", {"realm": realm, "service": service})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], []),
        ([""], []),
        (['Basic realm="a"'], [("basic", {"realm": "a"})]),
        (["Basic"], [("basic", {})]),
        (
            ['Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"'],
            [("bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"})],
        ),
        (['bEaReR Realm = "a" , sErvice=b'], [("bearer", {"realm": "a", "service": "b"})]),
        (['Basic realm="a", Bearer realm="b"'], [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        (['Basic realm="a"', 'Bearer realm="b"'], [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        (["Negotiate, Bearer realm=b"], [("negotiate", {}), ("bearer", {"realm": "b"})]),
        (["Negotiate YII+/a==, Basic"], [("negotiate", {}), ("basic", {})]),
        ([r'Bearer realm="a\"b\\c"'], [("bearer", {"realm": 'a"b\\c'})]),
    ],
)
def test_challenges_are_read_as_rfc_9110_writes_them(
    fields: list[str], expected: list[tuple[str, dict[str, str]]]
) -> None:
    assert parse(fields) == tuple(Challenge(*challenge) for challenge in expected)


@pytest.mark.parametrize(
    "field",
    [
        'realm="a"',
        '="a"',
        'Bearer realm="a',
        'Bearer realm="a",realm="b"',
        'Bearer realm="a",REALM="b"',
        "Bearer realm=https://a/t",
        "Bearer \x00",
        ",".join(f"S{number}" for number in range(17)),
    ],
)
def test_a_malformed_challenge_is_refused(field: str) -> None:
    with pytest.raises(ChallengeError, match=r"^its request for credentials is malformed$"):
        parse([field])


@given(WORD, st.dictionaries(WORD.map(str.lower), TEXT, max_size=4))
def test_every_challenge_that_can_be_written_is_read(scheme: str, parameters: dict[str, str]) -> None:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in parameters.values())
    field = f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in zip(parameters, quoted, strict=True))
    assert parse([field]) == (Challenge(scheme.lower(), parameters),)


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=200), max_size=3))
def test_no_text_makes_the_parser_fail_otherwise(fields: list[str]) -> None:
    try:
        challenges = parse(fields)
    except ChallengeError:
        return
    assert all(challenge.scheme == challenge.scheme.lower() for challenge in challenges)


def test_a_token_is_preferred_to_sending_a_password() -> None:
    assert choose(parse(['Basic realm="a", Bearer realm="b"'])).scheme == "bearer"
    assert choose(parse(['Digest realm="a", Basic realm="b"'])).scheme == "basic"


def test_of_two_challenges_of_one_kind_the_first_is_answered() -> None:
    assert choose(parse(['Bearer realm="a"', 'Bearer realm="b"'])).parameters == {"realm": "a"}


def test_other_ways_than_bearer_and_basic_are_refused() -> None:
    with pytest.raises(ChallengeError, match=r"^it asks for credentials in another way than Bearer and Basic$"):
        choose(parse(["Negotiate"]))


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "https://ghcr.io/token"),
        ("ghcr.io", "https://GHCR.IO/token"),
        ("ghcr.io", "https://ghcr.io:443/token"),
        ("ghcr.io", "/token"),
        ("quay.io", "https://quay.io/v2/auth"),
        ("registry-1.docker.io", "https://auth.docker.io/token"),
        ("registry.hub.docker.com", "https://auth.docker.io/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("registry.example.com", "https://auth.example.com/token?account=x"),
        ("registry.example.co.uk", "https://auth.example.co.uk/token"),
        ("registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth"),
        ("rg.fr-par.scw.cloud", "https://api.scaleway.com/registry-internal/v1/tokens"),
        ("europe-west4-docker.pkg.dev", "https://europe-west4-docker.pkg.dev/v2/token"),
        ("team.azurecr.io", "https://team.azurecr.io/oauth2/token"),
        ("harbor.corp.internal", "https://harbor.corp.internal/service/token"),
        ("registry.example.com", "https://registry.example.com:5001/auth"),
        ("10.0.0.1", "https://10.0.0.1/token"),
    ],
)
def test_a_registrys_own_token_service_is_believed(registry: str, realm: str) -> None:
    service = token_service(bearer(realm), https(registry), set())
    assert (service.service, service.realm.scheme) == ("s", "https")


FOREIGN = "it names a token service at a host that does not belong to it"


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "https://attacker.example/token"),
        ("ghcr.io", "https://ghcr.io.attacker.example/token"),
        ("ghcr.io", "https://auth.io/token"),
        ("ghcr.io", "https://auth.docker.io/token"),
        ("registry.example.com", "https://evil-example.com/token"),
        ("registry.example.com", "https://auth.registry.example.com/token"),
        ("registry.example.com", "https://a.b.example.com/token"),
        ("registry.example.co.uk", "https://evil.co.uk/token"),
        ("example.co.uk", "https://evil.co.uk/token"),
        ("team.azurecr.io", "https://evil.azurecr.io/token"),
        ("team.jfrog.io", "https://evil.jfrog.io/token"),
        ("registry.10.0.0.1.nip.io", "https://registry.10.0.0.2.nip.io/token"),
        ("registry", "https://auth/token"),
        ("10.0.0.1", "https://10.0.0.2/token"),
        ("10.0.0.1", "https://0.0.1/token"),
        ("registry.0.0.1", "https://10.0.0.1/token"),
        ("registry-1.docker.io", "https://169.254.169.254/token"),
    ],
)
def test_reg_01_a_token_service_at_a_strangers_host_is_refused(registry: str, realm: str) -> None:
    with pytest.raises(ChallengeError, match=f"^{FOREIGN}$"):
        token_service(bearer(realm), https(registry), set())


@pytest.mark.parametrize(
    ("realm", "reason"),
    [
        ("http://ghcr.io/token", "it names a token service that is not https"),
        ("http://169.254.169.254/", "it names a token service that is not https"),
        ("file:///etc/passwd", "it names as its token service a URL that is neither http nor https"),
        ("gopher://ghcr.io/", "it names as its token service a URL that is neither http nor https"),
        ("https://user:pw@ghcr.io/token", "it names as its token service a URL with credentials in it"),
        ("", "it names as its token service a URL with characters that no URL has"),
        ("https://ghcr.io/to ken", "it names as its token service a URL with characters that no URL has"),
        ("https://[ghcr.io/", "it names as its token service a URL that cannot be read"),
    ],
)
def test_reg_02_a_realm_that_is_not_an_https_url_is_refused(realm: str, reason: str) -> None:
    with pytest.raises(ChallengeError) as refusal:
        token_service(bearer(realm), https("ghcr.io"), {"169.254.169.254"})
    assert str(refusal.value) == reason


def test_a_challenge_without_realm_is_refused() -> None:
    with pytest.raises(ChallengeError, match="characters that no URL has"):
        token_service(Challenge("bearer", {}), https("ghcr.io"), set())


@pytest.mark.parametrize("service", ["a\r\nb", "\u212a", "x" * 257])
def test_a_service_name_that_is_no_name_is_refused(service: str) -> None:
    with pytest.raises(ChallengeError, match=r"^its request for credentials is malformed$"):
        token_service(bearer("https://ghcr.io/", service), https("ghcr.io"), set())


def test_plain_http_needs_both_the_registry_and_the_token_service_to_be_named_insecure() -> None:
    registry = Endpoint("http", "registry.local", 5000)
    challenge = bearer("http://registry.local:5001/token")
    assert token_service(challenge, registry, {"registry.local:5000", "registry.local:5001"}).realm.port == 5001
    for insecure in ({"registry.local:5000"}, {"registry.local:5001"} - {"registry.local:5001"}):
        with pytest.raises(ChallengeError, match="not https"):
            token_service(challenge, registry, insecure)
    with pytest.raises(ChallengeError, match="not https"):
        token_service(challenge, https("registry.local"), {"registry.local:5001"})
