"""Each thing that a converter cannot say is told with its place."""

import json
from typing import Any

import pytest

from tests.policy.convert.test_refusals import (
    BY_CI,
    KEY,
    NO_KEY,
    ONE,
    OTHER,
    cluster_image_policy,
    converted,
    entries,
    images,
    kyverno,
    values,
)
from webhook.policy.convert import Converted

MANY = "*"


def told(made: Converted) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in made.losses]


def rule(**changes: Any) -> dict[str, Any]:
    """A policy of Kyverno whose rule has more."""
    made = kyverno()
    made["spec"]["rules"][0] |= changes
    return made


def of_spec(**changes: Any) -> dict[str, Any]:
    made = kyverno()
    made["spec"] |= changes
    return made


def attested(**changes: Any) -> dict[str, Any]:
    made = {"type": "https://example.com/a", "attestors": [{"entries": [KEY]}], **changes}
    return kyverno(attestors=[], attestations=[made])


def some_audit() -> dict[str, Any]:
    made = kyverno()
    one = made["spec"]["rules"][0]["verifyImages"][0]
    made["spec"]["rules"][0]["verifyImages"] = [{**one, "failureAction": action} for action in ("Audit", "Enforce")]
    return made


def excluding(**resources: Any) -> dict[str, Any]:
    return rule(exclude={"any": [{"resources": resources}]})


def valued(**changes: Any) -> dict[str, Any]:
    return {**values({}), **changes}


DATA = {"key": {"data": ONE}}
KEYLESS = {"identities": [BY_CI]}
SOURCES = [{"oci": "a.example.com/x", "tagPrefix": "x"}, {"oci": "b.example.com/x"}]

LOSSES = {
    "overrides of the action": (of_spec(validationFailureActionOverrides=[{}]), "Enforce is written for all"),
    "a rule about something else": (of_spec(rules=[{"name": "x"}]), "does not verify images"),
    "a rule with no image": (kyverno(imageReferences=[]), "nothing that can be said here"),
    "parts that only audit": (some_audit(), "some only audit"),
    "credentials of a rule": (kyverno(imageRegistryCredentials={"secrets": ["x"]}), "credentials are those of flags"),
    "a digest that is not verified": (kyverno(verifyDigest=False), "always required"),
    "a flag that is none": (kyverno(required="yes"), "expected true or false"),
    "text that is none": (kyverno(imageReferences=[1]), "expected text"),
    "a list that is none": (kyverno(attestors=1), "expected a list"),
    "a mapping that is none": (entries({**KEY, "annotations": 1}), "expected a mapping"),
    "annotations of an attestation": (
        attested(attestors=[{"entries": [{**KEY, "annotations": {"a": "b"}}]}]),
        "attestations carry none",
    ),
    "an entry without anybody": (entries({}), "too few are left"),
    "a log elsewhere": (
        entries({"keys": {"publicKeys": ONE, "rekor": {"url": "https://log.example.com"}}}),
        "entries of the trust root's logs count",
    ),
    "a certificate without a log": (
        entries({"keyless": {**BY_CI, "rekor": {"ignoreTlog": True}, "ctlog": {"ignoreSCT": True}}}),
        "a certificate needs a trusted time",
    ),
    "a subject said twice": (
        entries({"keyless": {**BY_CI, "subject": "a*", "subjectRegExp": "b"}}),
        "regular expression",
    ),
    "an attestation without a URI": (attested(type="slsa"), "no predicate type"),
    "an attestation by nobody": (attested(attestors=[]), "nobody is named who attests"),
    "a key in the cluster": (
        entries({"keys": {"publicKeys": "k8s://ns/keys"}}),
        "put Secret keys with the key cosign.pub",
    ),
    "a key elsewhere": (
        entries({"keys": {"kms": "gcpkms://x", "publicKeys": "gcpkms://x"}}),
        "is no public key as PEM",
    ),
    "a key that is none": (entries({"keys": {"publicKeys": NO_KEY}}), "is no key that can be used"),
    "a precondition": (rule(preconditions={"all": []}), "more pods without it"),
    "filters that are taken together": (
        rule(match={"all": [{"resources": {"namespaces": ["a"]}}, {"resources": {"namespaces": ["b"]}}]}),
        "one of them is enough",
    ),
    "a filter as older policies have it": (
        rule(match={"resources": {"namespaces": ["a"], "selector": {}}}),
        "more pods",
    ),
    "an exclusion of nothing that is known": (excluding(), "speaks about these pods, too"),
    "an exclusion of other kinds": (excluding(kinds=["Job"], namespaces=["a"]), "speaks about these pods, too"),
    "an exclusion by a glob": (excluding(namespaces=["a-*"]), "names of excluded namespaces are exact"),
    "an unknown mode": (cluster_image_policy(DATA, mode="later"), "is no mode"),
    "kinds of pods": (cluster_image_policy(DATA, match=[{"resource": "pods"}]), "every kind and label"),
    "a policy over all": (cluster_image_policy(DATA, policy={"type": "cue"}), "has no counterpart"),
    "a rule over no image": (cluster_image_policy(DATA, images=[]), "has no rule that can be said"),
    "a key by another digest": (
        cluster_image_policy({"key": {"data": ONE, "hashAlgorithm": "sha512"}}),
        "signatures are over SHA-256",
    ),
    "a key in a Secret": (cluster_image_policy({"key": {"secretRef": {"name": "keys"}}}), "put Secret keys"),
    "identities of anybody": (cluster_image_policy({"keyless": {"identities": []}}), "anybody at all may sign"),
    "an identity that is more": (cluster_image_policy({"keyless": {"identities": [{**BY_CI, "more": 1}]}}), "left out"),
    "an identity that is open": (cluster_image_policy({"keyless": {"identities": [{"issuer": "x"}]}}), "left out"),
    "certificates of one's own": (
        cluster_image_policy({"keyless": {**KEYLESS, "url": "https://ca.example.com"}}),
        "need a TrustRoot",
    ),
    "a log of one's own for identities": (
        cluster_image_policy({"keyless": KEYLESS, "ctlog": {"url": "https://log.example.com"}}),
        "its entries need a TrustRoot",
    ),
    "a log of one's own for keys": (
        cluster_image_policy({**DATA, "ctlog": {"url": "https://log.example.com"}}),
        "entries of the trust root's logs count",
    ),
    "several trust roots": (
        cluster_image_policy({"keyless": {**KEYLESS, "trustRootRef": "a"}, "ctlog": {"trustRootRef": "b"}}),
        "names several trust roots",
    ),
    "an unknown field of a log": (cluster_image_policy({**DATA, "ctlog": {"more": 1}}), "the authority is left out"),
    "repositories of signatures": (cluster_image_policy({**DATA, "source": SOURCES}), "only the first one is taken"),
    "an unknown field of an attestation": (
        cluster_image_policy({**DATA, "attestations": [{"predicateType": "spdx", "more": 1}]}),
        "no attestation will do",
    ),
    "one key on other terms": (
        cluster_image_policy({"name": "a", **DATA}, {"name": "b", **DATA, "ctlog": {}}),
        "vouches on other terms already, as a",
    ),
    "a trust root that is no base64": (
        {
            "apiVersion": "policy.sigstore.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": {"name": "a"},
            "spec": {"remote": {"root": "%", "mirror": "https://tuf.example.com", "targets": "t"}},
        },
        "is no text in base64",
    ),
    "a feature of Connaisseur": (valued(namespacedValidation={"enabled": True}), "every pod of every namespace"),
    "everything accepted": (
        valued(
            validators=[{"name": "allow", "type": "static", "approve": True}, *values({})["validators"]],
            policy=[{"pattern": f"{MANY}/x", "validator": "default"}, {"pattern": "*:*", "validator": "allow"}],
        ),
        "images that no entry takes are refused",
    ),
    "a root whose key is none": (
        values({}, trustRoots=[{"name": "default", "key": NO_KEY}]),
        "no key that can be used",
    ),
    "a count that is none": (entries(KEY, count="2"), "too few are left"),
    "attestations in place of signatures": (
        cluster_image_policy(DATA, {"key": {"data": OTHER}, "attestations": [{"predicateType": "spdx"}]}),
        "some ask for attestations in place of signatures",
    ),
    "several that attest": (
        cluster_image_policy(
            *({"key": {"data": each}, "attestations": [{"predicateType": "spdx"}]} for each in (ONE, OTHER))
        ),
        "only the first one is taken",
    ),
    "a place without a repository": (cluster_image_policy({**DATA, "source": [{"more": 1}]}), "has no counterpart"),
    "some accepted": (
        valued(
            validators=[{"name": "allow", "type": "static", "approve": True}],
            policy=[{"pattern": "ghcr.io/acme/*", "validator": "allow"}],
        ),
        "accepts without a signature",
    ),
    "another validator": (valued(validators=[{"name": "default", "type": "notaryv1"}]), "is no cosign validator"),
    "tags that are left": (values({"with": {"mode": "other"}}), "digests are always required"),
    "an unknown field of a root": (
        values({}, trustRoots=[{"name": "default", "key": ONE, "more": 1}]),
        "has no counterpart; left out",
    ),
    "an identity that is open, of Connaisseur": (
        values({}, trustRoots=[{"name": "default", "keyless": {"issuerRegex": "a|b", "subject": "x"}}]),
        "left out",
    ),
    "an identity that is more, of Connaisseur": (
        values({}, trustRoots=[{"name": "default", "keyless": {**BY_CI, "more": 1}}]),
        "has no counterpart; left out",
    ),
    "an identity without a log": (
        values({"with": {"verifyInTransparencyLog": False}}, trustRoots=[{"name": "default", "keyless": BY_CI}]),
        "a certificate needs a trusted time",
    ),
    "several keys of one root": (values({}, trustRoots=[{"name": "default", "key": ONE + OTHER}]), "more than one key"),
}


@pytest.mark.parametrize(("foreign", "loss"), LOSSES.values(), ids=LOSSES)
def test_what_is_lost_is_told(foreign: dict[str, Any], loss: str) -> None:
    assert loss in "\n".join(told(converted(foreign)))


def test_a_policy_of_one_namespace_is_about_that() -> None:
    made = converted({**kyverno(), "kind": "Policy", "metadata": {"name": "a", "namespace": "prod"}})
    (document,) = made.documents
    assert document["spec"]["match"] == {"namespaces": {"include": ["prod"]}}


def test_what_connaisseur_accepts_and_refuses_by_name_is_kept() -> None:
    deny = {"name": "deny", "type": "static", "approve": False}
    rules = [{"pattern": "ghcr.io/bad/*", "validator": "deny"}, {"pattern": "*:*", "validator": "deny"}]
    found = images(converted(valued(validators=[deny], policy=rules)))
    assert found == {"deny": ["ghcr.io/bad/**"], "unmatched": "Deny"}


def test_roots_that_are_required_vouch_by_themselves() -> None:
    roots = [{"name": "a", "key": ONE}, {"name": "b", "keyless": BY_CI}]
    terms = {"trustRoot": "*", "threshold": 1, "required": ["b"]}
    found = images(converted(values({"with": terms}, trustRoots=roots)))
    assert [each["signatures"]["from"] for each in found["verify"]] == [["a", "b"], ["b"]]
    assert json.dumps(found["authorities"]).count("certificateTransparency") == 1


def test_annotations_and_a_repository_are_terms() -> None:
    (authority,) = images(converted(entries({**KEY, "annotations": {"a": "b"}, "repository": "x.example.com/y"})))[
        "authorities"
    ]
    assert (authority["annotations"], authority["repository"]) == ({"a": "b"}, "x.example.com/y")


def test_a_timestamp_stands_in_place_of_a_log() -> None:
    (authority,) = images(converted(cluster_image_policy({**DATA, "rfc3161timestamp": {"trustRootRef": "r"}})))[
        "authorities"
    ]
    assert (authority["timestamp"], authority["transparencyLog"]) == ("Required", "NotRequired")
