import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.images import ImageReferenceError, parse
from webhook.policy.allowlist import Pattern
from webhook.policy.convert.patterns import Covering, Star, covering

WITHIN, ANYTHING = Star.WITHIN_SEGMENT, Star.ANYTHING


@pytest.mark.parametrize(
    ("foreign", "star", "text", "wider"),
    [
        ("ghcr.io/acme/*", WITHIN, "ghcr.io/acme/*", False),
        ("ghcr.io/acme/**", WITHIN, "ghcr.io/acme/**", False),
        ("ghcr.io/acme/app:**", WITHIN, "ghcr.io/acme/app", False),
        ("ghcr.io/acme/app:v1", WITHIN, "ghcr.io/acme/app", True),
        ("ghcr.io/acme/app*", WITHIN, "ghcr.io/acme/*", True),
        ("ghcr.io/acme/app**", WITHIN, "ghcr.io/acme/**", True),
        ("ghcr.io/**/app", WITHIN, "ghcr.io/**", True),
        ("index.docker.io/library/nginx:*", WITHIN, "docker.io/library/nginx", False),
        ("acme/app", WITHIN, "docker.io/acme/app", True),
        ("ghcr.io/acme/*", ANYTHING, "ghcr.io/acme/**", False),
        ("ghcr.io/*", ANYTHING, "ghcr.io/**", False),
        ("ghcr.io/acme/*:*", ANYTHING, "ghcr.io/acme/**", False),
        ("ghcr.io/acme/app:*", ANYTHING, "ghcr.io/acme/app", False),
        ("ghcr.io/acme/app*", ANYTHING, "ghcr.io/acme/**", True),
        ("ghcr.io/ac?e/app", ANYTHING, "ghcr.io/**", True),
        ("docker.io/nginx:*", ANYTHING, "docker.io/library/nginx", False),
    ],
)
def test_the_narrowest_pattern_that_takes_all_images(foreign: str, star: Star, text: str, *, wider: bool) -> None:
    assert covering(foreign, star) == Covering(text, wider)


@pytest.mark.parametrize("star", Star)
@pytest.mark.parametrize(
    "foreign", ["*", "**", "*/*", "*.example.com/a/*", "nginx:*", "gcr.io*", "ghcr.io/UPPER/*", ""]
)
def test_what_takes_several_registries_has_no_pattern(foreign: str, star: Star) -> None:
    assert covering(foreign, star) is None


SEGMENTS = st.text("ab*", min_size=1, max_size=4)
GLOBS = st.builds(
    lambda host, path, tag: "/".join([host, *path]) + tag,
    st.sampled_from(["ghcr.io", "registry.example.com:5000", "docker.io"]),
    st.lists(SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", ":*", ":v1", ":**", ":v*"]),
)
PATHS = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4)


@given(GLOBS, PATHS, st.sampled_from(Star))
def test_an_image_that_matches_there_matches_here(glob: str, path: list[str], star: Star) -> None:
    made = covering(glob, star)
    host = glob.partition("/")[0]
    text = f"{host}/{'/'.join(path)}:v1"
    try:
        image = parse(text)
    except ImageReferenceError:
        return
    if made is not None and expression(glob, star).fullmatch(text):
        assert Pattern.parse(made.text).matches(image)


def expression(glob: str, star: Star) -> re.Pattern[str]:
    """What the other tools make of a glob: policy-controller and Kyverno in turn."""
    parts = re.split(r"(\*\*|\*)", glob)
    one = "[^/]*" if star is Star.WITHIN_SEGMENT else ".*"
    return re.compile("".join({"**": ".*", "*": one}.get(part) or re.escape(part) for part in parts))
