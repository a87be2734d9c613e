"""What the `images` section says about one image, without any I/O."""

import pytest

from tests.policy.writing import DIGEST, KEY, VALID, book, of_images, of_match, policy, tweaked
from webhook.checks.rules import ContainerRules, LabelRule, PodSecurity, PortRange
from webhook.codes import Code
from webhook.images import Digest, ImageReference, PinnedImage, parse
from webhook.policy.rules import ImageJudgement, ImageRules, Unmatched
from webhook.signatures.authorities import Requirement
from webhook.verdict import Mode, Violation

OTHER = f"sha256:{'b' * 64}"
AUTHORITIES = "authorities: [{name: release, key: {file: release.pub}}, {name: night, key: {file: night.pub}}]"
VERIFY = (
    f'{AUTHORITIES}, verify: [{{name: ours, images: ["ghcr.io/acme/**"], signatures: {{from: [release]}}}}, '
    '{name: apps, images: ["ghcr.io/acme/app"], signatures: {minimum: 2}}]'
)


def rules(images: str) -> ImageRules:
    found = policy(of_images(f"{{{images}}}")).images
    assert found is not None
    return found


def judged(images: str, text: str, *, pinning: bool = False) -> ImageJudgement:
    return rules(images).judge(parse(text), pinning=pinning)


def only(judgement: ImageJudgement) -> Violation:
    (violation,) = judgement.violations
    return violation


ASK_OWNER = "use an image that is allowed here, or ask the policy's owner to allow this one"
BY_DIGEST = "name the image by digest: tidewaiter pin -i -f MANIFEST writes ghcr.io/acme/app:1.4@sha256:<digest>"

FINDINGS = [
    (
        'allow: ["ghcr.io/acme/*"]',
        "quay.io/acme/app:1.4",
        Code.REGISTRY_NOT_ALLOWED,
        "quay.io/acme/app is not allowed; allowed here: ghcr.io/acme/*",
        ASK_OWNER,
    ),
    (
        'allow: ["ghcr.io/**"], deny: ["ghcr.io/acme/*"]',
        f"ghcr.io/acme/app@{OTHER}",
        Code.REGISTRY_NOT_ALLOWED,
        "ghcr.io/acme/app is denied by ghcr.io/acme/* of images.deny",
        ASK_OWNER,
    ),
    (
        "requireFullyQualified: true",
        f"nginx@{OTHER}",
        Code.REGISTRY_NOT_ALLOWED,
        "the image names no registry, so docker.io was assumed; expected it to be named",
        f"write docker.io/library/nginx@{OTHER}",
    ),
    (
        f'denyDigests: ["{DIGEST}"]',
        f"ghcr.io/acme/app:1.4@{DIGEST}",
        Code.DIGEST_DENIED,
        f"{DIGEST} is in images.denyDigests, expected any other digest",
        "use another build of the image",
    ),
    (
        "tags: Pinned",
        "ghcr.io/acme/app:1.4",
        Code.TAG_NOT_PINNED,
        "ghcr.io/acme/app:1.4 has a tag, which can move, expected a digest",
        BY_DIGEST,
    ),
    (
        VERIFY,
        f"ghcr.io/other/app@{OTHER}",
        Code.IMAGE_UNMATCHED,
        (
            "ghcr.io/other/app matches no entry of images.verify (entries: ours, apps), "
            "expected one that says who must sign it"
        ),
        "use an image that an entry speaks about, or ask the policy's owner for one",
    ),
    (
        "unmatched: Deny",
        f"ghcr.io/other/app@{OTHER}",
        Code.IMAGE_UNMATCHED,
        "ghcr.io/other/app matches no entry of images.verify, expected one that says who must sign it",
        "use an image that an entry speaks about, or ask the policy's owner for one",
    ),
]


@pytest.mark.parametrize(("images", "text", "code", "message", "fix"), FINDINGS)
def test_a_refusal_says_what_was_found_what_is_expected_and_how_to_mend_it(
    images: str, text: str, code: Code, message: str, fix: str
) -> None:
    judgement = judged(images, text)
    assert only(judgement) == Violation(code=code, path="", message=message, fix=fix, image=str(parse(text)))
    assert judgement.entries == ()
    assert not judgement.resolve


@pytest.mark.parametrize(("images", "text", "code", "message", "fix"), FINDINGS)
def test_only_what_the_allowlist_refuses_may_not_be_fetched(
    images: str, text: str, code: Code, message: str, fix: str
) -> None:
    assert judged(images, text).fetch is (code is not Code.REGISTRY_NOT_ALLOWED)


def test_of_many_entries_the_first_are_named() -> None:
    entries = ", ".join(f"{{name: e{n}, images: [ghcr.io/a{n}/**], signatures: {{}}}}" for n in range(5))
    violation = only(judged(f"{AUTHORITIES}, verify: [{entries}]", f"quay.io/a@{OTHER}"))
    assert "(entries: e0, e1, e2 and 2 more)" in violation.message


EVERYTHING_WRONG = (
    f'allow: ["ghcr.io/**"], requireFullyQualified: true, denyDigests: ["{DIGEST}"], unmatched: Deny, tags: Pinned'
)
ORDER = [
    ("nginx", Code.REGISTRY_NOT_ALLOWED),
    (f"quay.io/a@{DIGEST}", Code.REGISTRY_NOT_ALLOWED),
    (f"ghcr.io/a@{DIGEST}", Code.DIGEST_DENIED),
    ("ghcr.io/a:1", Code.TAG_NOT_PINNED),
    (f"ghcr.io/a@{OTHER}", Code.IMAGE_UNMATCHED),
]


@pytest.mark.parametrize(("text", "code"), ORDER)
def test_an_image_has_one_finding_and_it_is_the_first_that_applies(text: str, code: Code) -> None:
    assert only(judged(EVERYTHING_WRONG, text)).code is code


def test_the_allowlist_is_told_before_a_missing_registry() -> None:
    assert "allowed here" in only(judged('allow: ["ghcr.io/**"], requireFullyQualified: true', "nginx:1")).message


def test_an_image_that_names_its_registry_is_fully_qualified() -> None:
    assert judged("requireFullyQualified: true", f"docker.io/library/nginx@{OTHER}").violations == ()


def test_an_image_by_digest_from_any_registry_passes_an_empty_section() -> None:
    assert judged("", f"quay.io/x/y@{OTHER}") == ImageJudgement()


def test_tags_are_pinned_where_the_section_says_nothing_about_them() -> None:
    assert only(judged("", "ghcr.io/acme/app")).code is Code.TAG_NOT_PINNED


def test_every_entry_that_speaks_about_an_image_has_to_be_verified() -> None:
    judgement = judged(VERIFY, f"ghcr.io/acme/app:1.4@{OTHER}")
    assert [entry.name for entry in judgement.entries] == ["ours", "apps"]
    assert [entry.name for entry in judged(VERIFY, f"ghcr.io/acme/tool@{OTHER}").entries] == ["ours"]
    assert (judgement.violations, judgement.resolve, judgement.fetch) == ((), False, True)


def test_an_unmatched_image_may_be_allowed() -> None:
    judgement = judged(f"{VERIFY}, unmatched: Allow", f"quay.io/x@{OTHER}")
    assert judgement == ImageJudgement()


def test_a_tag_that_is_about_to_be_pinned_counts_as_if_it_were_and_must_be_resolved() -> None:
    judgement = judged(VERIFY, "ghcr.io/acme/app:1.4", pinning=True)
    assert judgement.violations == ()
    assert [entry.name for entry in judgement.entries] == ["ours", "apps"]
    assert judgement.resolve


def test_pinning_does_not_open_what_the_allowlist_closes() -> None:
    judgement = judged('allow: ["ghcr.io/**"]', "quay.io/x:1", pinning=True)
    assert only(judgement).code is Code.REGISTRY_NOT_ALLOWED
    assert (judgement.resolve, judgement.fetch) == (False, False)


def test_a_tag_of_an_image_that_no_entry_speaks_about_is_refused_unresolved() -> None:
    judgement = judged(VERIFY, "quay.io/x:1", pinning=True)
    assert only(judgement).code is Code.IMAGE_UNMATCHED
    assert not judgement.resolve


def test_a_digest_needs_no_resolution_whether_pinning_or_not() -> None:
    text = f"ghcr.io/acme/app@{OTHER}"
    assert judged(VERIFY, text, pinning=True) == judged(VERIFY, text)


def test_an_unsafe_tag_is_resolved_and_warned_of() -> None:
    judgement = judged(f"{VERIFY}, tags: UnsafeResolved", "ghcr.io/acme/app:1.4")
    assert only(judgement) == Violation(
        code=Code.TAG_NOT_PINNED,
        path="",
        message="ghcr.io/acme/app:1.4 has a tag: kubelet may pull another image than the one that was judged",
        fix=BY_DIGEST,
        image="ghcr.io/acme/app:1.4",
        mode=Mode.WARN,
    )
    assert len(judgement.entries) == 2
    assert judgement.resolve


@pytest.mark.parametrize(("images", "resolve"), [("", False), (f'denyDigests: ["{DIGEST}"]', True), (VERIFY, True)])
@pytest.mark.parametrize("pinning", [True, False])
def test_a_tag_is_resolved_only_where_a_rule_needs_the_digest(images: str, resolve: bool, pinning: bool) -> None:
    separator = ", " if images else ""
    judgement = judged(f"{images}{separator}tags: UnsafeResolved", "ghcr.io/acme/app:1", pinning=pinning)
    assert judgement.resolve is resolve


def test_an_unsafe_tag_that_is_about_to_be_pinned_is_not_warned_of() -> None:
    assert judged("tags: UnsafeResolved", "ghcr.io/acme/app:1", pinning=True) == ImageJudgement()


def test_a_resolved_digest_can_still_be_denied() -> None:
    found = rules(f'denyDigests: ["{DIGEST}"], tags: UnsafeResolved')
    image = PinnedImage("ghcr.io", "acme/app", Digest.parse(DIGEST))
    assert found.judge_digest(image) == (
        Violation(
            code=Code.DIGEST_DENIED,
            path="",
            message=f"{DIGEST} is in images.denyDigests, expected any other digest",
            fix="use another build of the image",
            image=f"ghcr.io/acme/app@{DIGEST}",
        ),
    )
    assert found.judge_digest(PinnedImage("ghcr.io", "acme/app", Digest.parse(OTHER))) == ()


def test_judgements_are_remembered_for_each_way_of_judging() -> None:
    found = rules(VERIFY)
    image = parse("ghcr.io/acme/app:1.4")
    assert found.judge(image) is found.judge(image)
    assert found.judge(image) is not found.judge(image, pinning=True)


def test_what_a_text_named_and_what_was_assumed_are_judged_apart() -> None:
    found = rules("requireFullyQualified: true")
    named = ImageReference("docker.io", "library/nginx", None, OTHER, qualified=True)
    assumed = ImageReference("docker.io", "library/nginx", None, OTHER, qualified=False)
    assert found.judge(named).violations == ()
    assert only(found.judge(assumed)).code is Code.REGISTRY_NOT_ALLOWED


def entry_key(images: str) -> str:
    return rules(images).entries[0].key


def required(images: str) -> Requirement:
    requirement = rules(images).entries[0].requirement
    assert requirement is not None
    return requirement


def one_entry(signatures: str = "{}", name: str = "a", authority: str = "{name: k, key: {file: release.pub}}") -> str:
    return (
        f"authorities: [{authority}, {{name: m, key: {{file: night.pub}}}}], "
        f"verify: [{{name: {name}, images: [ghcr.io/**], signatures: {signatures}}}]"
    )


def test_the_key_of_an_entry_is_that_of_its_content() -> None:
    assert entry_key(one_entry(name="a")) == entry_key(one_entry(name="b"))
    assert entry_key(one_entry("{from: [k, m]}")) == entry_key(one_entry("{from: [m, k]}")) == entry_key(one_entry())


@pytest.mark.parametrize(
    "other",
    [
        one_entry("{from: [k]}"),
        one_entry("{minimum: 2}"),
        one_entry(authority="{name: k, key: {file: release.pub}, annotations: {a: b}}"),
        one_entry(authority="{name: other, key: {file: release.pub}}"),
        one_entry().replace("release.pub", "other").replace("night.pub", "release.pub").replace("other", "night.pub"),
    ],
)
def test_the_key_of_an_entry_changes_with_all_that_its_outcome_depends_on(other: str) -> None:
    assert entry_key(other) != entry_key(one_entry())


def test_an_entry_requires_the_authorities_that_it_names() -> None:
    requirement = required(one_entry("{minimum: 1, from: [m]}"))
    assert requirement.minimum == 1
    assert [authority.name for authority in requirement.authorities] == ["m"]


def test_an_entry_that_names_no_authority_takes_any_of_the_policy() -> None:
    requirement = required(one_entry("{minimum: 2}"))
    assert requirement.minimum == 2
    assert [authority.name for authority in requirement.authorities] == ["k", "m"]


def test_annotations_belong_to_their_authority() -> None:
    authority = "{name: k, key: {file: release.pub}, annotations: {team: red}}"
    k, m = required(one_entry(authority=authority)).authorities
    assert (k.annotations, m.annotations) == ({"team": "red"}, {})


def test_a_key_may_stand_in_the_policy_itself() -> None:
    pem = KEY.replace("\n", "\\n")
    inline = rules(one_entry(authority=f'{{name: k, key: {{pem: "{pem}"}}}}'))
    assert inline.entries[0].key == entry_key(one_entry())


def test_a_section_without_verify_lets_unsigned_images_run() -> None:
    assert rules("").unmatched is Unmatched.ALLOW
    assert rules(VERIFY).unmatched is Unmatched.DENY


CONTAINERS = [
    ("{runAsNonRoot: true}", ContainerRules(run_as_non_root=True), 1),
    (
        "{dropCapabilities: [ALL]}",
        ContainerRules(drop_capabilities=("ALL",), allow_added_capabilities=("NET_BIND_SERVICE",)),
        2,
    ),
    (
        "{dropCapabilities: [NET_RAW], allowAddedCapabilities: [CHOWN]}",
        ContainerRules(drop_capabilities=("NET_RAW",), allow_added_capabilities=("CHOWN",)),
        2,
    ),
    ("{allowAddedCapabilities: [CHOWN]}", ContainerRules(allow_added_capabilities=("CHOWN",)), 1),
    ("{readOnlyRootFilesystem: true, runAsNonRoot: false}", ContainerRules(read_only_root_filesystem=True), 1),
    ("{podSecurity: {level: restricted}}", ContainerRules(pod_security=PodSecurity("restricted")), 1),
    (
        "{podSecurity: {level: baseline, version: v1.30}}",
        ContainerRules(pod_security=PodSecurity("baseline", 30)),
        1,
    ),
    ("{podSecurity: {level: baseline, version: v1.0}}", ContainerRules(pod_security=PodSecurity("baseline", 0)), 1),
    (
        "{podSecurity: {level: restricted, version: v1.99}}",
        ContainerRules(pod_security=PodSecurity("restricted", 99)),
        1,
    ),
    ("{podSecurity: {level: privileged}}", ContainerRules(pod_security=PodSecurity("privileged")), 0),
    (
        "{requiredLimits: [cpu], requiredProbes: [startup], requiredLabels: [{key: a}, {key: b, values: [c]}]}",
        ContainerRules(
            required_limits=("cpu",),
            required_probes=("startup",),
            required_labels=(LabelRule("a"), LabelRule("b", ("c",))),
        ),
        3,
    ),
    (
        "{denyLatestTag: true, allowedImagePullPolicies: [Always], automountServiceAccountToken: false}",
        ContainerRules(
            deny_latest_tag=True,
            unreadable_images_told=True,
            allowed_image_pull_policies=("Always",),
            deny_service_account_token=True,
        ),
        3,
    ),
    (
        "{allowedVolumeTypes: [csi], allowedCSIDrivers: [CSI.example.com], allowedHostPorts: [{min: 1, max: 65535}]}",
        ContainerRules(
            allowed_volume_types=("csi",),
            allowed_csi_drivers=("CSI.example.com",),
            allowed_host_ports=(PortRange(1, 65535),),
        ),
        3,
    ),
    (
        '{allowedRuntimeClasses: [gvisor, ""], allowedPriorityClasses: [""]}',
        ContainerRules(allowed_runtime_classes=("gvisor", ""), allowed_priority_classes=("",)),
        1,
    ),
]


@pytest.mark.parametrize(("containers", "expected", "checks"), CONTAINERS)
def test_rules_about_containers_enable_their_checks(containers: str, expected: ContainerRules, checks: int) -> None:
    compiled = policy(of_images("{}") + f"  containers: {containers}\n")
    assert compiled.rules == expected
    assert len(compiled.checks) == checks


def test_a_policy_without_rules_about_images_tells_of_unreadable_ones_where_it_looks_at_their_tags() -> None:
    text = of_match("p").replace("runAsNonRoot: true", "denyLatestTag: true")
    assert policy(text).rules == ContainerRules(deny_latest_tag=True)


def test_a_policy_has_the_mode_and_the_failure_mode_that_it_says() -> None:
    compiled = policy(tweaked("mode: Enforce", "mode: Warn").replace("onError: Deny", "onError: Allow"))
    assert (compiled.name, compiled.mode, compiled.on_error) == ("production", Mode.WARN, "Allow")


def test_rules_about_containers_alone_say_nothing_about_images() -> None:
    text = VALID[: VALID.index("  images:")] + VALID[VALID.index("  containers:") :]
    assert book(text).policies[0].images is None
