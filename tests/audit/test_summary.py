from datetime import UTC, datetime
from typing import Any

from webhook.audit import mending, summary
from webhook.audit.results import Audited, Scan, Subject
from webhook.audit.summary import Count, Counts, summarize
from webhook.codes import MEANINGS, Code
from webhook.verdict import ImageResult, Mode, Violation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
APP = "ghcr.io/acme/app@sha256:" + "a" * 64
IMAGE_PATH = "spec.containers[0].image"


def unsigned(policy: str = "signed", image: str = APP, **more: Any) -> Violation:
    return Violation(
        code=Code.NOT_SIGNED, path=IMAGE_PATH, message="no", image=image, policy=policy, fix="sign", **more
    )


def root(policy: str = "hardened", **more: Any) -> Violation:
    return Violation(code=Code.RUN_AS_NON_ROOT, path="spec.containers[0]", message="root", policy=policy, **more)


def unknown(**more: Any) -> Violation:
    return Violation(code=Code.REGISTRY_UNAVAILABLE, path=IMAGE_PATH, message="?", image=APP, policy="signed", **more)


def subject(name: str, pods: int, *findings: Violation, namespace: str = "prod", **more: Any) -> Audited:
    """A Deployment; findings of mode Audit would deny."""
    more.setdefault("would_deny", tuple(each for each in findings if each.mode is Mode.AUDIT))
    more.setdefault("policies", ("hardened", "signed"))
    named = Subject("apps/v1", "Deployment", namespace, name, f"uid-{name}")
    return Audited(subject=named, pods=pods, findings=findings, **more)


def scan(*audited: Audited) -> Scan:
    return Scan(began=NOW, ended=NOW, pods=sum(each.pods for each in audited), audited=audited)


def image(reference: str = APP, **more: Any) -> ImageResult:
    return ImageResult(path=IMAGE_PATH, container="app", reference=reference, **more)


def test_subjects_and_their_pods_are_counted_to_one_standing_each() -> None:
    found = summarize(
        scan(
            subject("clear", 1),
            subject("warned", 2, root(mode=Mode.WARN)),
            subject("denied", 4, root(), unknown()),
            subject("later", 8, root(mode=Mode.AUDIT)),
            subject("unknown", 16, unknown()),
            subject("unknown-later", 32, unknown(mode=Mode.AUDIT)),
            subject("denied-and-later", 64, root(mode=Mode.AUDIT), unsigned()),
            subject("never", 128, root(mode=Mode.AUDIT), would_deny=()),
        )
    ).counts
    assert found.all == Count(subjects=8, pods=255)
    assert found.denied == Count(subjects=2, pods=68)
    assert found.would_be_denied == Count(subjects=1, pods=8)
    assert found.undecided == Count(subjects=2, pods=48)
    assert found.clear == Count(subjects=3, pods=131)


def test_a_policy_counts_by_its_own_findings_alone() -> None:
    found = summarize(scan(subject("a", 3, unsigned(), root(mode=Mode.AUDIT)), subject("b", 5)))
    signed, hardened = found.policies
    assert (signed.name, signed.mode, signed.counts.denied.pods, signed.counts.clear.pods) == (
        "signed",
        Mode.ENFORCE,
        3,
        5,
    )
    assert (hardened.name, hardened.mode, hardened.counts.would_be_denied.pods) == ("hardened", Mode.AUDIT, 3)
    assert [(each.code, each.counts.denied.subjects, each.meaning) for each in signed.codes] == [
        (Code.NOT_SIGNED, 1, MEANINGS[Code.NOT_SIGNED])
    ]


def test_a_policy_that_found_nothing_has_no_mode_and_what_no_policy_found_has_no_name() -> None:
    nobody = Violation(code=Code.NO_POLICY_MATCHES, path="spec", message="none")
    found = summarize(scan(subject("a", 1, nobody, policies=("quiet",))))
    assert [(each.name, each.mode, each.counts.denied.pods) for each in found.policies] == [
        ("", Mode.ENFORCE, 1),
        ("quiet", None, 0),
    ]


def test_namespaces_come_in_the_order_of_their_trouble() -> None:
    found = summarize(
        scan(
            subject("a", 9, namespace="fine"),
            subject("b", 1, root(), namespace="denied"),
            subject("c", 2, root(mode=Mode.AUDIT), namespace="later"),
            subject("d", 3, unknown(), namespace="unknown"),
            subject("e", 9, namespace="also-fine"),
        )
    )
    assert [each.name for each in found.namespaces] == ["denied", "later", "unknown", "also-fine", "fine"]
    assert [each.code for each in found.codes] == [Code.REGISTRY_UNAVAILABLE, Code.RUN_AS_NON_ROOT]


def test_an_image_counts_what_was_found_of_it_and_not_of_another_at_its_place() -> None:
    other = "ghcr.io/acme/other:1"
    digest = "sha256:" + "b" * 64
    found = summarize(
        scan(
            subject("a", 3, unsigned(), images=(image(), image(other, digest=digest, verified=True, signers=("ci",)))),
            subject("b", 4, images=(image(other, digest=digest, verified=True, signers=("ci",)),)),
        )
    )
    assert [(each.name, each.counts.denied.pods, each.counts.all.pods, each.verified) for each in found.images] == [
        (APP, 3, 3, False),
        (f"{other}@{digest}", 0, 7, True),
    ]
    assert (found.images_total, found.images_verified, found.images[1].signers) == (2, 1, ("ci",))


def test_an_image_whose_name_is_the_beginning_of_another_is_not_taken_for_it() -> None:
    longer = APP.replace("/app@", "/app-more@")
    found = summarize(scan(subject("a", 3, unsigned(), images=(image(), image(longer)))))
    assert {each.name: each.counts.denied.pods for each in found.images} == {APP: 3, longer: 0}


def test_a_finding_at_a_place_without_an_image_is_of_every_image_there() -> None:
    unreadable = Violation(code=Code.REFERENCE_INVALID, path=IMAGE_PATH, message="no", policy="signed")
    found = summarize(scan(subject("a", 2, unreadable, images=(image("A b"),))))
    assert [(each.name, each.counts.denied.pods) for each in found.images] == [("A b", 2)]


def test_the_worst_images_are_told_and_all_are_counted() -> None:
    number = summary.MAX_IMAGES + 3
    quiet = [image(f"ghcr.io/acme/i{each}") for each in range(number)]
    found = summarize(scan(subject("a", 1, images=tuple(quiet)), subject("b", 1, unsigned(), images=(image(),))))
    assert (len(found.images), found.images_total, found.images[0].name) == (summary.MAX_IMAGES, number + 1, APP)


def test_exempted_subjects_are_counted() -> None:
    found = summarize(scan(subject("a", 3, exempted=(root(exemption="legacy"),)), subject("b", 5)))
    assert found.exempted == Count(subjects=1, pods=3)


def test_what_is_found_of_an_image_is_one_mend_for_all_policies() -> None:
    [mend] = summarize(scan(subject("a", 3, unsigned("one"), unsigned("two")), subject("b", 4, unsigned("one")))).first
    assert (mend.code, mend.image, mend.policy) == (Code.NOT_SIGNED, APP, "")
    assert (mend.counts, mend.frees) == (Count(subjects=2, pods=7), Count(subjects=2, pods=7))
    assert (mend.fix, mend.message, mend.example, mend.denies) == ("sign", "no", "Deployment/prod/a", True)


def test_the_mend_that_brings_most_pods_forward_comes_first() -> None:
    found = summarize(
        scan(
            subject("a", 10, unsigned(), root()),
            subject("b", 6, root(), namespace="dev"),
            subject("c", 7, unsigned(image="other")),
        )
    )
    assert [(each.code, each.image, each.policy, each.counts.pods, each.frees.pods) for each in found.first] == [
        (Code.RUN_AS_NON_ROOT, "", "hardened", 16, 6),
        (Code.NOT_SIGNED, "other", "", 7, 7),
        (Code.NOT_SIGNED, APP, "", 10, 0),
    ]
    assert found.first[0].namespaces == ("dev", "prod")


def test_what_only_warns_needs_no_mend_and_what_would_deny_does() -> None:
    found = summarize(scan(subject("a", 1, root(mode=Mode.WARN)), subject("b", 2, unsigned(mode=Mode.AUDIT))))
    assert [(each.code, each.denies, each.frees.pods) for each in found.first] == [(Code.NOT_SIGNED, False, 2)]


def test_mends_have_a_ceiling() -> None:
    many = [subject(f"s{each}", 1, unsigned(image=f"i{each}"), namespace=f"n{each}") for each in range(150)]
    assert len(summarize(scan(*many)).first) == mending.MAX_MENDS
    [one] = summarize(scan(*(subject(f"s{each}", 1, root(), namespace=f"n{each}") for each in range(9)))).first
    assert one.namespaces == ("n0", "n1", "n2", "n3", "n4")


def test_an_empty_cluster_has_nothing_to_mend() -> None:
    found = summarize(scan())
    assert (found.counts, found.first, found.policies, found.images_total) == (Counts(), (), (), 0)
