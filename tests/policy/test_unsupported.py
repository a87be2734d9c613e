"""Fields whose engine is missing are refused, and never ignored."""

import pytest

from tests.policy.writing import faults, tweaked
from webhook import __version__
from webhook.policy.unsupported import UNSUPPORTED

TWEAKS = {
    "spec.images.authorities[].key.secretRef": (
        "key: {file: night.pub}",
        "key: {secretRef: {name: keys, key: night.pub}}",
        "28: spec.images.authorities[1].key.secretRef",
    ),
    "spec.containers.podSecurity": (
        "readOnlyRootFilesystem: true",
        "podSecurity: {level: restricted, version: v1.37}",
        "39: spec.containers.podSecurity",
    ),
    "spec.exemptions": (
        "  onError: Deny",
        (
            "  exemptions: [{reason: OPS-17, expires: 2027-01-01T00:00:00Z, codes: [NOT_SIGNED], "
            'images: ["registry.example.com/agent/*"], namespaces: [legacy]}]'
        ),
        "15: spec.exemptions",
    ),
}


def test_every_unsupported_field_has_its_tweak() -> None:
    assert set(TWEAKS) == set(UNSUPPORTED)


@pytest.mark.parametrize(("old", "new", "place"), TWEAKS.values(), ids=TWEAKS)
def test_a_field_without_an_engine_is_refused_and_never_ignored(old: str, new: str, place: str) -> None:
    assert faults(tweaked(old, new)) == [f"policies/prod.yaml:{place}: not supported by tidewaiter {__version__}"]
