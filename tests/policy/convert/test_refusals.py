"""Whatever is lost of a policy, what is made of it refuses the images rather than asking for less."""

from typing import Any

import pytest
import yaml

from tests.fakes.images import key, pem
from webhook.policy.convert import Converted, convert
from webhook.policy.documents import load

ONE, OTHER = pem(key()), pem(key())
NO_KEY = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
BY_CI = {"issuer": "https://accounts.example.com", "subject": "ci@example.com"}


def converted(*documents: dict[str, Any]) -> Converted:
    return convert(load("policies.yaml", yaml.safe_dump_all(documents).encode()))


def images(made: Converted) -> dict[str, Any]:
    [document] = made.documents
    found: dict[str, Any] = document["spec"]["images"]
    return found


def kyverno(**changes: Any) -> dict[str, Any]:
    verified = {
        "imageReferences": ["ghcr.io/acme/*"],
        "attestors": [{"entries": [{"keys": {"publicKeys": ONE}}]}],
        **changes,
    }
    rule = {"name": "a", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [verified]}
    spec = {"validationFailureAction": "Enforce", "rules": [rule]}
    return {"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "a"}, "spec": spec}


def entries(*each: dict[str, Any], **terms: Any) -> dict[str, Any]:
    return kyverno(attestors=[{"entries": list(each), **terms}])


def cluster_image_policy(*authorities: dict[str, Any], **changes: Any) -> dict[str, Any]:
    spec = {"images": [{"glob": "ghcr.io/acme/**"}], "authorities": list(authorities), **changes}
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def values(rule: dict[str, Any], **validator: Any) -> dict[str, Any]:
    roots = [{"name": "default", "key": ONE}]
    known = {"name": "default", "type": "cosign", "trustRoots": roots, **validator}
    return {"validators": [known], "policy": [{"pattern": "ghcr.io/acme/*:*", "validator": "default", **rule}]}


def test_the_plain_ones_are_converted_without_a_loss() -> None:
    for each in (kyverno(), cluster_image_policy({"key": {"data": ONE}}), values({})):
        made = converted(each)
        assert made.losses == ()
        assert images(made)["verify"][0]["images"] == ["ghcr.io/acme/**"]


KEY = {"keys": {"publicKeys": ONE}}
REFUSED = {
    "an unknown field of the rule": kyverno(newRestriction=1),
    "an unknown field of an entry": entries({**KEY, "newRestriction": 1}),
    "an unknown field of keys": entries({"keys": {"publicKeys": ONE, "newRestriction": 1}}),
    "an unknown field of rekor": entries({"keys": {"publicKeys": ONE, "rekor": {"newRestriction": 1}}}),
    "a notary signature": kyverno(type="Notary"),
    "no attestors": kyverno(attestors=[]),
    "one of two keys of one text that is none": entries({"keys": {"publicKeys": f"{ONE}{NO_KEY}"}}),
    "one key twice where two are needed": entries(KEY, KEY, count=2),
    "a count of none": entries(KEY, count=0),
    "an attestor that is nested": entries(KEY, {"attestor": {"entries": [KEY]}}),
    "another digest": entries({"keys": {"publicKeys": ONE, "signatureAlgorithm": "sha512"}}),
    "an annotation with a wildcard": entries({**KEY, "annotations": {"team": "*"}}),
    "certificate authorities of one's own": entries({"keyless": {**BY_CI, "roots": "x"}}),
    "a log of one's own": entries({"keyless": {**BY_CI, "rekor": {"pubkey": "x"}}}),
    "an issuer with a wildcard": entries({"keyless": {**BY_CI, "issuer": "https://*"}}),
    "an extension that is not known": entries({"keyless": {**BY_CI, "additionalExtensions": {"a": "b"}}}),
    "a key that is elsewhere": cluster_image_policy({"key": {"kms": "gcpkms://a"}}),
    "a policy over everything": cluster_image_policy({"key": {"data": ONE}}, policy={"type": "cue", "data": "a: 1"}),
    "an unknown field of the policy": cluster_image_policy({"key": {"data": ONE}}, newRestriction=1),
    "an unknown field of an authority": cluster_image_policy({"key": {"data": ONE}, "newRestriction": 1}),
    "a static pass": cluster_image_policy({"static": {"action": "pass"}}),
    "a static fail": cluster_image_policy({"static": {"action": "fail"}}),
    "no authorities": cluster_image_policy(),
    "any issuer": cluster_image_policy({"keyless": {"identities": [{"issuerRegExp": ".*", "subject": "a"}]}}),
    "a certificate authority": cluster_image_policy({"keyless": {"ca-cert": {"data": "x"}, "identities": [BY_CI]}}),
    "a Fulcio of one's own": cluster_image_policy({"keyless": {"url": "https://f.example", "identities": [BY_CI]}}),
    "a Rekor of one's own": cluster_image_policy(
        {"keyless": {"identities": [BY_CI]}, "ctlog": {"url": "https://r.example"}}
    ),
    "several keys that must attest": cluster_image_policy(
        {"key": {"data": ONE + OTHER}, "attestations": [{"name": "a", "predicateType": "vuln"}]}
    ),
    "several keys that must attest, of which one is none": cluster_image_policy(
        {"key": {"data": f"{ONE}{NO_KEY}"}, "attestations": [{"name": "a", "predicateType": "vuln"}]}
    ),
    "an image as older policies name it, with its key beside it": kyverno(
        imageReferences=[], attestors=[], image="ghcr.io/acme/*", key=ONE
    ),
    "an unknown trust root": values({"with": {"trustRoot": "nobody"}}),
    "more than there are": values({"with": {"trustRoot": "*", "threshold": 2}}),
    "none at all": values({"with": {"trustRoot": "*", "threshold": 0}}),
    "a required one that is not there": values({"with": {"trustRoot": "*", "required": ["nobody"]}}),
    "an unknown field of Connaisseur's rule": values({"newRestriction": 1}),
    "a Sigstore of one's own": values({}, host={"rekorPubkey": "x"}),
    "a validator of another kind": values({}, type="notaryv1"),
    "two keys in one trust root": values({}, trustRoots=[{"name": "default", "key": ONE + OTHER}]),
}


@pytest.mark.parametrize("foreign", REFUSED.values(), ids=REFUSED)
def test_images_are_refused_where_who_may_vouch_cannot_be_said(foreign: dict[str, Any]) -> None:
    made = converted(foreign)
    assert images(made)["deny"] == ["ghcr.io/acme/**"]
    assert "verify" not in images(made)
    assert made.losses


def test_an_image_as_older_policies_name_it_is_verified_like_the_others() -> None:
    made = converted(kyverno(image="quay.io/acme/*"))
    assert images(made)["verify"][0]["images"] == ["ghcr.io/acme/**", "quay.io/acme/**"]
    assert made.losses == ()


def test_one_of_several_keys_is_enough_to_sign() -> None:
    made = converted(cluster_image_policy({"key": {"data": ONE + OTHER}}))
    assert images(made)["verify"][0]["signatures"] == {"from": ["authority-0-1", "authority-0-2"]}


def test_conditions_become_one_that_nothing_fulfils() -> None:
    attested = {"predicateType": "vuln", "name": "a", "policy": {"type": "cue", "data": "a: 1"}}
    made = converted(cluster_image_policy({"key": {"data": ONE}, "attestations": [attested]}))
    assert images(made)["verify"][0]["attestations"][0]["conditions"] == ["false"]
    conditions = {"type": "https://example.com/a", "attestors": [{"entries": [KEY]}], "conditions": [{"all": []}]}
    made = converted(kyverno(attestations=[conditions]))
    assert images(made)["verify"][1]["attestations"][0]["conditions"] == ["false"]


def test_a_pattern_of_all_registries_refuses_what_no_entry_takes() -> None:
    made = converted(kyverno(imageReferences=["*"]))
    assert images(made)["unmatched"] == "Deny"
    assert images(made)["verify"][0]["images"] == ["registry.invalid/**"]


def test_a_trust_root_that_no_document_gives_is_told() -> None:
    authority = {"keyless": {"trustRootRef": "own", "identities": [BY_CI]}}
    root = {"root": "e30=", "mirror": "https://tuf.example.com"}
    document = {"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "own"}}
    alone = converted(cluster_image_policy(authority))
    assert [loss.message.partition(":")[0] for loss in alone.losses] == ["needs the trust root own"]
    assert images(alone)["authorities"][0]["trustRoot"] == "own"
    signed = {"root": "eyJzaWduZWQiOiB7Il90eXBlIjogInJvb3QifX0=", "mirror": "https://tuf.example.com"}
    both = converted(cluster_image_policy(authority), {**document, "spec": {"remote": signed}})
    assert both.losses == ()
    assert both.documents[1]["spec"]["tuf"]["url"] == "https://tuf.example.com"
    unsound = converted({**document, "spec": {"remote": root}})
    assert unsound.documents == ()
    assert "TrustRoot own is left out" in unsound.losses[-1].message


def test_namespaces_are_kept_and_wider_where_they_cannot_be() -> None:
    policy = kyverno()
    rule = policy["spec"]["rules"][0]
    rule["match"] = {"any": [{"resources": {"kinds": ["Pod"], "namespaces": ["prod-?"]}}]}
    rule["exclude"] = {"any": [{"resources": {"namespaces": ["prod-1", "prod-x*"]}}]}
    made = converted(policy)
    assert made.documents[0]["spec"]["match"] == {"namespaces": {"include": ["prod-*"], "exclude": ["prod-1"]}}
    assert [loss.path for loss in made.losses] == ["spec.rules[0].exclude.any[0].resources.namespaces[1]"]
