"""Rules about a pod's own fields that are legal, and weak, too strict, or without effect."""

from datetime import UTC, datetime

import pytest

from tests.policy.writing import of_images, of_match, written
from webhook.policy.lint import lint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROJECTED = (
    "refuses pods that get the token of their service account, which the API mounts as a volume of type projected: "
    "allow that, or add automountServiceAccountToken: false"
)


def notices(containers: str) -> list[str]:
    text = of_match("p").replace("containers: {runAsNonRoot: true}", f"containers: {{{containers}}}")
    return [f"{notice.path}: {notice.message}" for notice in lint([written(text)], NOW)]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ("denyLatestTag: true", []),
        ("allowedVolumeTypes: [secret, projected]", []),
        ("allowedVolumeTypes: [secret], automountServiceAccountToken: false", []),
        ("allowedVolumeTypes: [projected, csi], allowedCSIDrivers: [csi.example.com]", []),
        ("allowedCSIDrivers: [csi.example.com]", []),
        ("allowedImagePullPolicies: [Always, IfNotPresent]", []),
        ("allowedVolumeTypes: [secret]", [f"spec.containers.allowedVolumeTypes: {PROJECTED}"]),
        (
            "allowedVolumeTypes: [projected, hostPath]",
            ["spec.containers.allowedVolumeTypes: hostPath lets pods read, and often write, files of their node"],
        ),
        (
            "allowedVolumeTypes: [projected], allowedCSIDrivers: [csi.example.com]",
            ["spec.containers.allowedCSIDrivers: has no effect: allowedVolumeTypes does not name csi"],
        ),
        (
            "allowedImagePullPolicies: [Never, Always, IfNotPresent]",
            ["spec.containers.allowedImagePullPolicies: has no effect: it names all there are"],
        ),
    ],
)
def test_rules_about_volumes_and_images_are_told_what_they_do_not_do(containers: str, expected: list[str]) -> None:
    assert notices(containers) == expected


def test_the_tag_latest_needs_no_rule_where_every_image_needs_a_digest() -> None:
    message = "spec.containers.denyLatestTag: has no effect: images.tags Pinned wants a digest of every image"

    def about(images: str) -> list[str]:
        text = of_images(images) + "  containers: {denyLatestTag: true}\n"
        return [f"{notice.path}: {notice.message}" for notice in lint([written(text)], NOW)]

    assert message in about('{allow: ["ghcr.io/acme/*"]}')
    assert message not in about('{allow: ["ghcr.io/acme/*"], tags: UnsafeResolved}')
