"""Trust roots in files of policies: what becomes of them, and how policies name them."""

import json
import subprocess
import sys

import pytest

from tests.policy.writing import (
    ATTESTED,
    FILES,
    ROOT,
    TRUST_ROOT,
    TRUSTED_ROOT,
    TUF,
    VALID,
    book,
    collected,
    faults,
    of_images,
    tweaked,
)
from webhook.policy.documents import FaultsError
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.signatures.proofs.trust_root import TrustRoot

BUILT_IN = TUF.replace("    rootFile: root.json\n", "").replace("tuf.example.com/roots/", "tuf-repo-cdn.sigstore.dev/")


def source(text: str) -> TrustRootSource:
    (found,) = book(VALID, text).trust_roots.values()
    return found


def test_a_trust_root_in_the_document_is_its_content() -> None:
    found = source(TRUST_ROOT)
    assert (found.name, found.tuf) == ("private", None)
    assert found.content is not None
    assert json.loads(found.content) == json.loads(TRUSTED_ROOT)
    assert len(TrustRoot.parse(found.content).logs) == 1


def test_the_same_trust_root_in_another_order_is_the_same_content() -> None:
    moved = TRUST_ROOT.replace("      hashAlgorithm: SHA2_256\n", "") + "      hashAlgorithm: SHA2_256\n"
    assert source(moved) == source(TRUST_ROOT)


def test_a_trust_root_in_a_file_is_what_the_file_holds() -> None:
    text = ATTESTED.partition("---\n")[2]
    assert source(text) == TrustRootSource("private", TRUSTED_ROOT.encode(), None)


def test_a_repository_with_its_root_in_a_file() -> None:
    repository = TufRepository("https://tuf.example.com/roots", ROOT.encode(), "private/trusted_root.json")
    assert source(TUF) == TrustRootSource("fetched", None, repository)


def test_a_repository_with_its_root_in_the_document() -> None:
    text = tweaked("rootFile: root.json\n    target: private/trusted_root.json", f"root: '{ROOT}'", TUF)
    repository = TufRepository("https://tuf.example.com/roots", ROOT.encode(), "trusted_root.json")
    assert source(text) == TrustRootSource("fetched", None, repository)


@pytest.mark.parametrize("slash", ["/", ""])
def test_the_root_of_sigstores_own_repository_is_built_in(slash: str) -> None:
    found = source(tweaked("sigstore.dev/", f"sigstore.dev{slash}", BUILT_IN))
    assert found.tuf == TufRepository("https://tuf-repo-cdn.sigstore.dev", b"", "private/trusted_root.json")


def test_the_root_of_sigstores_own_repository_may_be_another() -> None:
    found = source(tweaked("sigstore.dev/", "sigstore.dev\n    rootFile: root.json", BUILT_IN))
    assert found.tuf is not None
    assert found.tuf.root == ROOT.encode()


@pytest.mark.parametrize(
    "url",
    [
        "https://tuf.example.com",
        "https://tuf.example.com:8443/a/b",
        "https://10.0.0.1/roots",
        "https://[2001:db8::1]:8443/roots",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://127.1.2.3:8080/roots",
        "http://[::1]:8080/roots",
        "http://[::1]",
    ],
)
def test_a_repository_is_asked_over_https_or_on_this_machine(url: str) -> None:
    found = source(tweaked("https://tuf.example.com/roots/", url, TUF))
    assert found.tuf is not None
    assert found.tuf.url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://tuf.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
        "http://2130706433",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::]",
        "http://[2001:db8::1]",
        "http://localhost@tuf.example.com",
        "http://tuf.example.com#@localhost",
        "HTTPS://tuf.example.com",
        "https://tuf.example.com\\t",
        "https://tuf.example.com?x",
        "https:/tuf.example.com",
        "https://",
        "https://tuf_example.com",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_repository_elsewhere_is_refused(url: str) -> None:
    (fault,) = faults(VALID, tweaked("https://tuf.example.com/roots/", f'"{url}"', TUF))
    assert fault.startswith("policies/prod.yaml:46: spec.tuf.url: expected https")


@pytest.mark.parametrize("target", ["trusted_root.json", "a/b.json", "_a/b-c_d.json", "x" * 255])
def test_a_target_is_a_path_downwards(target: str) -> None:
    found = source(tweaked("private/trusted_root.json", target, TUF))
    assert found.tuf is not None
    assert found.tuf.target == target


@pytest.mark.parametrize(
    "target", ["..", "a/../b", "a//b", "a/", "/a", ".a", "a b", "a\\\\b", "a?b", "a%2e", "é", "a\\n"]
)
def test_a_target_elsewhere_is_refused(target: str) -> None:
    (fault,) = faults(VALID, tweaked("private/trusted_root.json", f'"{target}"', TUF))
    assert fault.startswith("policies/prod.yaml:48: spec.tuf.target: expected the path of a target")


@pytest.mark.parametrize(
    "root", ["", "[]", "{}", '{"signed": {}}', '{"signed": {"_type": "Root"}}', "{" * 10_000, " " * 512_001]
)
def test_a_file_that_is_no_root_of_a_repository_is_told(root: str) -> None:
    (fault,) = faults(VALID, TUF, files=FILES | {"root.json": root})
    assert fault.startswith("policies/prod.yaml:47: spec.tuf.rootFile: no TUF root: ")


UNUSABLE_ROOTS = {
    "nothing but its type": (
        '{"signed": {"_type": "root"}}',
        "no TUF root that can be used: Failed to deserialize JSON",
    ),
    "no signature": (
        json.dumps(json.loads(ROOT) | {"signatures": []}),
        "no TUF root that can be used: root was signed by 0/1 keys",
    ),
    "a signature over something else": (
        ROOT.replace('"version": 1', '"version": 2'),
        "no TUF root that can be used: root was signed by 0/1 keys",
    ),
}


@pytest.mark.parametrize(("root", "message"), UNUSABLE_ROOTS.values(), ids=UNUSABLE_ROOTS)
def test_a_root_that_no_client_could_use_is_told_where_it_is_written(root: str, message: str) -> None:
    assert faults(VALID, TUF, files=FILES | {"root.json": root}) == [
        f"policies/prod.yaml:47: spec.tuf.rootFile: {message}"
    ]
    assert faults(VALID, tweaked("rootFile: root.json", f"root: '{root}'", TUF)) == [
        f"policies/prod.yaml:47: spec.tuf.root: {message}"
    ]


def test_a_secret_in_the_address_of_a_repository_is_not_told() -> None:
    (fault,) = faults(VALID, tweaked("https://tuf.example.com/roots/", "https://me:hunter2@tuf.example.com/", TUF))
    assert "hunter2" not in fault


def test_two_trust_roots_of_one_name_are_a_fault_that_names_both_places() -> None:
    assert faults(VALID, TRUST_ROOT, TRUST_ROOT) == [
        "policies/prod.yaml:58: metadata.name: there is a trust root private in policies/prod.yaml:41 already"
    ]


def test_a_trust_root_may_have_the_name_of_a_policy() -> None:
    assert faults(VALID, tweaked("name: private", "name: production", TRUST_ROOT)) == []


def test_a_trust_root_may_take_the_place_of_the_one_that_is_built_in() -> None:
    replaced = book(VALID, tweaked("name: private", "name: public-good", TRUST_ROOT))
    assert list(replaced.trust_roots) == ["public-good"]


def test_a_trust_root_may_stand_behind_the_policies_that_name_it_or_before() -> None:
    policy, trust_root = ATTESTED.split("---\n")
    assert faults(policy, trust_root) == faults(trust_root, policy) == []


def test_a_policy_names_no_trust_root_that_is_not_there() -> None:
    policy = ATTESTED.partition("---\n")[0]
    unknown = 'policies/prod.yaml:21: spec.images.authorities[1].trustRoot: unknown trust root "private"'
    assert faults(policy) == [f"{unknown}; a TrustRoot document or --trust-root NAME=FILE gives one"]
    assert collected(policy, given=["private"]).book("x").needed_trust_roots == {"private", "public-good"}


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("{file: trusted_root.json}", "{file: gone.json}", "spec.file"),
        ("{file: trusted_root.json}", "{files: trusted_root.json}", "spec"),
        ("{name: private}", "{name: private, namespace: x}", "metadata.namespace"),
    ],
)
def test_a_trust_root_with_faults_is_not_unknown_besides(old: str, new: str, path: str) -> None:
    with pytest.raises(FaultsError) as caught:
        book(tweaked(old, new, ATTESTED))
    assert path in {fault.path for fault in caught.value.faults}
    assert not any("unknown trust root" in fault.message for fault in caught.value.faults)


@pytest.mark.parametrize("metadata", ["{name: 3}", "private", "{}"])
def test_a_trust_root_without_a_name_has_none(metadata: str) -> None:
    found = faults(tweaked("metadata: {name: private}", f"metadata: {metadata}", ATTESTED))
    assert any('unknown trust root "private"' in fault for fault in found)


def test_a_policy_about_pods_alone_names_none() -> None:
    assert faults(of_images("{}")) == []
    assert book(of_images("{}")).trust_roots == {}


def test_sigstore_is_loaded_only_where_a_trust_root_is_and_cel_only_where_a_condition_is() -> None:
    script = (
        "import sys; from tests.policy.writing import *; book(VALID)\n"
        "loaded = lambda: {name for name in ('sigstore', 'cel_expr_python') if name in sys.modules}\n"
        "first = loaded(); book(ATTESTED); print(sorted(first), sorted(loaded()))"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[] ['cel_expr_python', 'sigstore']"
