import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook import images
from webhook.registry.credential_providers import patterns


@pytest.mark.parametrize(
    ("pattern", "image", "matches"),
    [
        # kubelet 1.37 says the same of each of these
        ("ghcr.io", "ghcr.io/acme/app", True),
        ("gcr.io/foo", "gcr.io/foo/app", True),
        ("gcr.io/foo", "gcr.io/foobar/app", True),
        ("gcr.io/foo/", "gcr.io/foo", False),
        ("gcr.io/foo/", "gcr.io/foo/app", True),
        ("gcr.io/", "gcr.io/app", True),
        ("gcr.io//app", "gcr.io/app", False),
        ("*.azurecr.io", "acme.azurecr.io/app", True),
        ("*.azurecr.io", "azurecr.io/app", False),
        ("*.azurecr.io", "eu.acme.azurecr.io/app", False),
        ("*.io", "evil.com/x.io", False),
        ("*.*.azurecr.io", "eu.acme.azurecr.io/app", True),
        ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", True),
        ("*.dkr.ecr.*.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.com/app", False),
        ("app*.k8s.io", "app1.k8s.io/x", True),
        ("app*.k8s.io", "myapp.k8s.io/x", False),
        ("k8s.*", "k8s.io/x", True),
        ("*", "localhost/app", True),
        ("*", "ghcr.io/app", False),
        ("*.*", "ghcr.io/app", True),
        ("**.io", "ghcr.io/app", True),
        ("g*r.*", "ghcr.io/app", True),
        ("GHCR.io", "ghcr.io/app", False),
        ("registry.io:8080/path", "registry.io:8080/path/app", True),
        ("registry.io", "registry.io:8080/app", False),
        ("registry.io:8080", "registry.io/app", False),
        ("127.0.0.*:5000", "127.0.0.1:5000/app", True),
        ("[::1]:5000", "[::1]:5000/app", True),
        ("docker.io", "nginx", True),
        ("docker.io/library", "nginx", True),
        ("index.docker.io", "nginx", False),
        ("gcr.io/*", "gcr.io/app", False),
        # where references have one spelling of two
        ("ghcr.io:443", "ghcr.io/app", True),
        ("ghcr.io", "ghcr.io:443/app", True),
        ("ghcr.io:443", "ghcr.io:443/app", True),
        ("myhost:443", "myhost:443/app", True),
        ("[::1]", "[::1]/app", True),
    ],
)
def test_an_image_matches_as_kubelet_has_it(pattern: str, image: str, matches: bool) -> None:
    assert patterns.parse(pattern).matches(images.parse(image)) is matches


@pytest.mark.parametrize(
    "text",
    [
        "", "/app", "https://ghcr.io", "me@ghcr.io", "ghcr.io:", "ghcr.io:*", "ghcr.io:http", "reg[12].io", "re?.io",
        "ghcr.io/%61", "ghcr.io/a?x", "ghcr.io/a#x", "ghcr.io/a b", " ghcr.io", "ghcr.io\n", "ghcr.io/app\n",
        "\u212a8s.io", "ghcr.io/me@app", "[*]:5000",
    ],
)  # fmt: skip
def test_what_a_url_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected host\[:port\]\[/path\]") as refusal:
        patterns.parse(text)
    assert not text.strip() or text not in str(refusal.value)


@given(st.text(max_size=40) | st.from_regex(r"[a-z*.]{1,40}(:[0-9]{1,5})?(/[!-~]{0,9})?", fullmatch=True))
def test_no_text_makes_the_parser_fail_otherwise_or_match_another_host(text: str) -> None:
    try:
        pattern = patterns.parse(text)
    except ValueError:
        return
    assert (
        not pattern.matches(images.parse("one.two.three.four.five.six.seven.eight.nine.ten.eleven/app"))
        or text.count(".") >= 10
    )


def test_many_stars_take_no_time() -> None:
    pattern = patterns.parse("*a" * 30 + "b.io")
    assert not pattern.matches(images.parse("a" * 63 + ".io/app"))
