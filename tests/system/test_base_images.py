"""What images are built on: proved by their layers or by provenance, and never by what they say themselves."""

from collections.abc import Mapping

import pytest

from tests.system import matrix
from tests.system.matrix import Document, Matrix
from tests.system.sigstore.artefacts import USUAL
from tests.system.sigstore.people import BRANCH, RELEASE
from tests.system.sigstore.predicates import provenance02, provenance1
from tests.system.sigstore.signing import Signer
from tests.system.sigstore.site import Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

ANNOTATED = "--set-base-image-annotations"


@pytest.fixture(scope="module")
def images(site: Site) -> Mapping[str, str]:
    """Images built on one that is allowed and on others, by how they show it."""
    workshop, registry = site.here.workshop, site.registry
    allowed = workshop.push(registry, "base/os")
    foreign = workshop.push(registry, "elsewhere/os")
    bases = {name: f"--base={registry.host}/{name}/os:1" for name in ("base", "elsewhere")}

    def attest(image: str, kind: str, base: str, by: Signer = RELEASE) -> str:
        name, _, digest = base.partition("@sha256:")
        predicate = (provenance02 if kind == "slsaprovenance" else provenance1)({f"docker://{name}:1": digest})
        site.here.attest(registry, image, by, USUAL, kind, predicate)
        return image

    images = {
        "built": workshop.push(registry, "team/built", "a", bases["base"], ANNOTATED),
        "built-elsewhere": workshop.push(registry, "team/built-elsewhere", "b", bases["elsewhere"], ANNOTATED),
        "silent": workshop.push(registry, "team/silent", "c", bases["base"]),
        "scratch": workshop.push(registry, "team/scratch", "d"),
    }
    claimed = f"{registry.host}/team/claimed:1"
    workshop.push(registry, "team/claimed", "e")
    images["claimed"] = workshop.annotate(
        registry,
        claimed,
        {
            "org.opencontainers.image.base.name": f"{registry.host}/base/os:1",
            "org.opencontainers.image.base.digest": allowed.partition("@")[2],
        },
    )
    for name, kind, base, by in (
        ("attested", "slsaprovenance", allowed, RELEASE),
        ("attested-1", "slsaprovenance1", allowed, RELEASE),
        ("attested-elsewhere", "slsaprovenance1", foreign, RELEASE),
        ("attested-by-branch", "slsaprovenance1", allowed, BRANCH),
    ):
        images[name] = attest(workshop.push(registry, f"team/{name}"), kind, base, by)
    return images


def _policy(site: Site, *, allow: str) -> Document:
    host = site.registry.host
    return {
        "allow": [f"{host}/**"],
        "authorities": [site.identity()],
        "unmatched": "Allow",
        "baseImages": {"allow": [f"{host}/{allow}/**"]},
    }


@pytest.fixture(scope="module")
def asked(site: Site, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    rules = {"base": _policy(site, allow="base"), "elsewhere": _policy(site, allow="elsewhere")}
    return matrix.verify(tmp_path_factory.mktemp("policies") / "policies.yaml", site.flags, rules, images)


def test_layers_and_provenance_prove_what_an_image_is_built_on(asked: Matrix) -> None:
    assert asked.verified("base") == {"built", "attested", "attested-1"}
    assert asked.verified("elsewhere") == {"built-elsewhere", "attested-elsewhere"}


def test_all_others_are_refused_by_one_code(asked: Matrix) -> None:
    assert {tuple(codes) for codes in asked.refused().values()} == {("BASE_IMAGE_NOT_ALLOWED",)}


def test_what_an_image_says_is_named_as_what_it_claims(asked: Matrix) -> None:
    (judgement,) = asked.judgements["base", "claimed"]
    assert "claims to be built on" in judgement["message"]


def test_check_denies_what_verify_refuses(asked: Matrix) -> None:
    assert asked.check() == asked.refused()
