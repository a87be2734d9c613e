"""What becomes of policies as a whole: names, actions, what is left out."""

import re
from typing import Any

import pytest

from tests.policy.writing import ATTESTED, TRUST_ROOT, VALID, book, of_images, of_match, policy, tweaked
from webhook.policy.vap import generate
from webhook.policy.vap.generation import object_name
from webhook.verdict import Mode

EXEMPTION = """\
  exemptions:
  - reason: old
    expires: 2027-01-01T00:00:00Z
    codes: [READ_ONLY_ROOT_FILESYSTEM, RUN_AS_NON_ROOT]
    images: ["ghcr.io/acme/*"]
    namespaces: [legacy, b]
"""


def objects(text: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    policy_object, binding = generate([policy(text)], **options)[0].objects
    return policy_object, binding


def test_a_policy_becomes_a_policy_of_the_api_server_and_its_binding() -> None:
    made, binding = objects(VALID)
    assert [each["kind"] for each in (made, binding)] == [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
    assert made["metadata"] == binding["metadata"]
    assert made["metadata"]["name"] == binding["spec"]["policyName"] == "tidewaiter-production"
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tidewaiter"
    assert made["spec"]["failurePolicy"] == "Fail"
    assert len({each["name"] for each in made["spec"]["variables"]}) == len(made["spec"]["variables"])


@pytest.mark.parametrize(
    ("mode", "cap", "actions"),
    [
        ("Enforce", Mode.ENFORCE, ["Deny"]),
        ("Warn", Mode.ENFORCE, ["Warn", "Audit"]),
        ("Audit", Mode.ENFORCE, ["Audit"]),
        ("Enforce", Mode.AUDIT, ["Audit"]),
        ("Warn", Mode.AUDIT, ["Audit"]),
    ],
)
def test_the_actions_are_those_of_the_mode(mode: str, cap: Mode, actions: list[str]) -> None:
    _, binding = objects(tweaked("mode: Enforce", f"mode: {mode}"), cap=cap)
    assert binding["spec"]["validationActions"] == actions


def test_every_message_begins_with_its_code_and_names_the_places() -> None:
    made, _ = objects(VALID)
    for each in made["spec"]["validations"]:
        code = each["message"].partition(":")[0]
        assert code == code.upper()
        assert each["messageExpression"].startswith(f"'{code}: ")
        assert each["reason"] == "Forbidden"
        variable = each["expression"].removesuffix(".size() == 0")
        assert variable in each["messageExpression"]


def test_variables_stand_after_those_that_they_name() -> None:
    made, _ = objects(VALID)
    known: list[str] = []
    for each in made["spec"]["variables"]:
        assert set(re.findall(r"variables\.(\w+)", each["expression"])) <= set(known)
        known.append(each["name"])
    for each in made["spec"]["validations"]:
        assert each["expression"].removeprefix("variables.").partition(".")[0] in known


def test_only_variables_that_rules_need_are_there() -> None:
    made, _ = objects(of_match("p"))
    names = [each["name"] for each in made["spec"]["variables"]]
    assert "references" not in names
    assert "annotations" not in names
    assert names[-1] == "found0_run_as_non_root"


def test_an_exempted_code_is_not_judged_in_the_namespaces_of_the_exemption() -> None:
    made, _ = objects(VALID + EXEMPTION)
    expressions = {each["message"].partition(":")[0]: each["expression"] for each in made["spec"]["validations"]}
    anywhere = {code for code, expression in expressions.items() if "request.namespace" not in expression}
    assert expressions.keys() - anywhere == {"READ_ONLY_ROOT_FILESYSTEM", "RUN_AS_NON_ROOT"}
    assert expressions["RUN_AS_NON_ROOT"].startswith("request.namespace in ['b', 'legacy'] || ")


def test_what_cannot_be_said_is_told() -> None:
    told = [each.unsaid for each in generate(book(VALID + EXEMPTION, ATTESTED).policies)]
    assert told == [
        (
            "images.verify, entry our-images: signatures and attestations cannot be verified",
            "images.baseImages: what an image was built on cannot be found out",
        ),
        (
            "images.verify, entry our-images: signatures cannot be verified",
            "images.denyDigests: only an image named by digest is compared",
            (
                "exemptions, reason 'old': READ_ONLY_ROOT_FILESYSTEM, RUN_AS_NON_ROOT not judged at all in b, legacy,"
                " for any image and without an end, since CEL has no clock"
            ),
        ),
    ]


def test_a_policy_that_asks_for_nothing_static_has_no_objects() -> None:
    text = of_match("p").replace("containers: {runAsNonRoot: true}", "containers: {podSecurity: {level: privileged}}")
    assert [each.objects for each in generate([policy(text)])] == [()]


def test_an_image_that_no_entry_speaks_about_is_refused_where_the_policy_says_so() -> None:
    verifying = VALID.replace("unmatched: Deny", "unmatched: Allow")
    codes = [
        {each["message"].partition(":")[0] for each in objects(text)[0]["spec"]["validations"]}
        for text in (VALID, verifying)
    ]
    assert codes[0] - codes[1] == {"IMAGE_UNMATCHED"}


@pytest.mark.parametrize(
    ("images", "messages"),
    [
        (
            '{allow: ["ghcr.io/acme/*"], tags: UnsafeResolved}',
            ["REGISTRY_NOT_ALLOWED: expected an image within images.allow"],
        ),
        ("{tags: Pinned}", ["TAG_NOT_PINNED: expected an image named by digest"]),
    ],
)
def test_what_is_not_written_of_images_is_not_asked(images: str, messages: list[str]) -> None:
    made, _ = objects(of_images(images))
    first = "REFERENCE_INVALID: expected a legal image reference"
    assert [each["message"] for each in made["spec"]["validations"]] == [first, *messages]


def test_names_that_are_too_long_end_in_a_hash() -> None:
    long, other = ".".join(["a" * 60] * 4) + ".bbbbbb", ".".join(["a" * 60] * 4) + ".cccccc"
    names = {object_name(long), object_name(other)}
    assert len(names) == 2
    assert all(len(name) <= 253 for name in names)
    assert object_name("a" * 242) == "tidewaiter-" + "a" * 242


def test_trust_roots_do_not_matter() -> None:
    assert generate(book(VALID, TRUST_ROOT).policies) == generate(book(VALID).policies)
