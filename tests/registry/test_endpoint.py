import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from webhook import images
from webhook.images import ImageReferenceError
from webhook.registry import endpoint
from webhook.registry.endpoint import Endpoint, UrlError

BASE = URL("https://registry.example.com/v2/app/manifests/1")


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("ghcr.io", Endpoint("https", "ghcr.io", 443)),
        ("ghcr.io:5000", Endpoint("https", "ghcr.io", 5000)),
        ("docker.io", Endpoint("https", "registry-1.docker.io", 443)),
        ("registry:443", Endpoint("https", "registry", 443)),
        ("localhost", Endpoint("http", "localhost", 80)),
        ("localhost:5000", Endpoint("https", "localhost", 5000)),
        ("[::1]", Endpoint("https", "::1", 443)),
        ("[::1]:5000", Endpoint("http", "::1", 5000)),
    ],
)
def test_a_registry_is_spoken_to_in_https_unless_named_insecure(registry: str, expected: Endpoint) -> None:
    assert endpoint.of_registry(registry, {"localhost", "[::1]:5000"}) == expected


@given(st.text(st.sampled_from("abz01.-:[]5"), min_size=1, max_size=20))
def test_an_endpoint_is_called_as_its_registry_is(text: str) -> None:
    try:
        registry = images.parse_registry(text)
    except ImageReferenceError:
        return
    assert endpoint.of_registry(registry, ()).authority == registry.removesuffix(":443")


def test_a_url_is_built_without_touching_what_is_encoded() -> None:
    built = Endpoint("https", "::1", 5000).url("/v2/a/referrers/sha256:0", "artifactType=a%2Fb%2Bc")
    assert str(built) == "https://[::1]:5000/v2/a/referrers/sha256:0?artifactType=a%2Fb%2Bc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://cdn.example.com/a?X-Amz-Signature=%2Fa%2B&b=c+d",
            "https://cdn.example.com/a?X-Amz-Signature=%2Fa%2B&b=c+d",
        ),
        ("/v2/x?last=a%2Fb", "https://registry.example.com/v2/x?last=a%2Fb"),
        ("//other.example.com/x", "https://other.example.com/x"),
        ("2", "https://registry.example.com/v2/app/manifests/2"),
        ("https://a/b#fragment", "https://a/b"),
        ("https://my_bucket.example.com/", "https://my_bucket.example.com/"),
        ("http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"),
    ],
)
def test_a_url_is_read_relative_to_where_it_was_found(text: str, expected: str) -> None:
    assert str(endpoint.read(text, BASE)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://ex ample.com/",
        "https://example.com\\@evil.com/",
        "https://example.com/\n",
        "https://ex\u00e4mple.com/",
        "https://\uff45xample.com/",
        "https://" + "a" * 8190,
        "ftp://example.com/",
        "javascript:alert(1)",
        "https://:443/",
        "https://@example.com/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://exa%6dple.com/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[]@",
        "https://-example.com/",
        "https://example..com/",
        "https://example.com./",
        "https://" + "a." * 130 + "com/",
    ],
)
def test_a_url_with_anything_odd_about_its_host_is_refused(text: str) -> None:
    with pytest.raises(UrlError, match=r"^a URL [a-zA-Z ]+$"):
        endpoint.read(text, BASE)


@given(st.text(max_size=60) | st.from_regex(r"https?://[ -~]{1,40}", fullmatch=True))
def test_whatever_is_read_has_a_plain_host_and_no_credentials(text: str) -> None:
    try:
        url = endpoint.read(text, BASE)
    except UrlError:
        return
    assert url.scheme in {"http", "https"}
    assert (url.user, url.password, url.fragment) == (None, None, "")
    target = endpoint.of_url(url)
    assert target.host.isascii()
    assert target.host
    assert 1 <= target.port <= 65535


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("ghcr.io", 443, ("ghcr.io", "ghcr.io:443")),
        ("ghcr.io", 5000, ("ghcr.io:5000",)),
        ("registry-1.docker.io", 443, ("docker.io", "docker.io:443")),
        ("::1", 5000, ("[::1]:5000",)),
        ("localhost", 80, ("localhost", "localhost:80")),
    ],
)
def test_what_is_dialled_is_known_to_policies_by_the_registrys_name(
    host: str, port: int, expected: tuple[str, ...]
) -> None:
    assert endpoint.names(host, port) == expected


def test_a_label_that_no_dns_has_is_no_host() -> None:
    with pytest.raises(UrlError):
        endpoint.read(f"https://{'a' * 64}.example.com/", URL("https://registry.example.com/"))
