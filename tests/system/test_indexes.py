"""Images for several platforms: what a signature of their index vouches for, and what it does not."""

from collections.abc import Mapping

import pytest

from tests.system import matrix
from tests.system.matrix import Document, Matrix
from tests.system.sigstore.artefacts import USUAL
from tests.system.sigstore.people import RELEASE
from tests.system.sigstore.site import Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


def _digest(image: str) -> str:
    return image.rpartition("@")[2]


@pytest.fixture(scope="module")
def images(site: Site) -> Mapping[str, str]:
    """References to what is listed in two indexes and to what is not, by what they are.

    Of the first the index alone is signed, of the second the platforms too.
    """
    workshop, registry = site.here.workshop, site.registry

    def push(repository: str, platform: str) -> str:
        return workshop.push(registry, repository, f"{repository} for {platform}", tag=platform)

    once, both = "team/once", "team/recursive"
    listed = {
        repository: [push(repository, platform) for platform in ("amd64", "arm64")] for repository in (once, both)
    }
    indexes = {repository: workshop.index(registry, repository, *images) for repository, images in listed.items()}
    site.here.sign(registry, indexes[once], RELEASE, USUAL)
    site.here.sign(registry, indexes[both], RELEASE, USUAL, "--recursive")
    tagged = f"{registry.host}/{once}:1"
    return {
        "index": indexes[once],
        "tag": tagged,
        "tag-and-index": f"{tagged}@{_digest(indexes[once])}",
        "tag-and-platform": f"{tagged}@{_digest(listed[once][0])}",
        "tag-and-other-platform": f"{tagged}@{_digest(listed[once][1])}",
        "platform": listed[once][0],
        "tag-of-platform": f"{registry.host}/{once}:amd64@{_digest(listed[once][0])}",
        "stray": f"{tagged}@{_digest(push(once, 'riscv64'))}",
        "recursive-index": indexes[both],
        "recursive-platform": listed[both][0],
    }


def _policy(site: Site, *, accept: bool) -> Document:
    images = [f"{site.registry.host}/team/**"]
    entry = {"name": "ours", "images": images, "signatures": {}, "acceptIndexSignature": accept}
    return {"allow": images, "authorities": [site.identity()], "verify": [entry]}


@pytest.fixture(scope="module")
def asked(site: Site, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    rules = {"digest": _policy(site, accept=False), "index": _policy(site, accept=True)}
    return matrix.verify(tmp_path_factory.mktemp("policies") / "policies.yaml", site.flags, rules, images)


SIGNED = {"index", "tag", "tag-and-index", "recursive-index", "recursive-platform"}


def test_a_signature_vouches_for_its_digest_alone(asked: Matrix) -> None:
    assert asked.verified("digest") == SIGNED


def test_a_policy_may_take_the_signature_of_the_index_that_the_tag_names(asked: Matrix) -> None:
    assert asked.verified("index") == SIGNED | {"tag-and-platform", "tag-and-other-platform"}


def test_what_is_refused_is_not_signed(asked: Matrix) -> None:
    assert {
        code for policy in ("digest", "index") for image in asked.images for code in asked.codes(policy, image)
    } == {"NOT_SIGNED"}


def test_check_denies_what_verify_refuses(asked: Matrix) -> None:
    assert asked.check() == asked.refused()
