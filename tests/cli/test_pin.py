import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Shop, run
from tests.cli.test_check import a_deployment, a_pod, write

ANNOTATED = """\
# Who owns this: platform
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: production}   # flow style
spec:
  initContainers:
  - image: 'HOST/shop/api:1.0@API'   # single quotes
    name: init
  containers:
  - name: plain
    image: HOST/shop/web:1.0@WEB   # a comment
  - {name: flow, image: HOST/shop/web:1.0@WEB, command: [sh]}
  - name: double
    image: "HOST/shop/we\\u0062:1.0@WEB"
  - name: folded
    image: >-
      HOST/shop/web:1.0@WEB

  # after a blank line
  - name: literal
    image: |-
      HOST/shop/web:1.0@WEB
  - name: tagged
    image: !!str HOST/shop/web:1.0@WEB
  - name: anchored
    image: &image HOST/shop/web:1.0@WEB
  - name: aliased
    image: *image
  - name: digested
    image: HOST/shop/web@DIGEST
  volumes:
  - name: model
    image: {reference: HOST/shop/web:1.0@WEB}
---
# not a pod
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  image: HOST/shop/web:1.0
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec: {template: {spec: {containers: [{name: app, image: HOST/shop/web:1.0@WEB}]}}}
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: web}
  spec:
    jobTemplate:
      spec:
        template:
          spec:
            containers:
            - name: app
              image: HOST/shop/web:1.0@WEB
"""
"""WEB and API are what is to be added."""


def written(text: str, shop: Shop) -> str:
    """The text as it is before anything is added to it."""
    return placed(text, shop).replace("@WEB", "").replace("@API", "")


def pinned(text: str, shop: Shop) -> str:
    """The text with all that is to be added."""
    return placed(text, shop).replace("WEB", digest(shop.images.legacy)).replace("API", digest(shop.images.bundle))


def placed(text: str, shop: Shop) -> str:
    return text.replace("HOST", shop.host).replace("DIGEST", digest(shop.images.legacy))


def digest(image: str) -> str:
    return image.partition("@")[2]


def pin(shop: Shop, *arguments: str, **given: Any) -> Result:
    return run("pin", "--insecure-registry", shop.host, *arguments, **given)


def tagged(image: str) -> str:
    return f"{image.partition('@')[0]}:1.0"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_digests_are_added_to_the_text(shop: Shop, tmp_path: Path, end: str) -> None:
    before = written(ANNOTATED, shop).replace("\n", end).encode()
    file = tmp_path / "web.yaml"
    file.write_bytes(before)
    result = pin(shop, "-f", str(file))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes.decode() == pinned(ANNOTATED, shop).replace("\n", end)
    assert file.read_bytes() == before


def test_what_was_pinned_stays_as_it_is_and_asks_nobody(shop: Shop) -> None:
    asked = shop.registry.requests
    text = pinned(ANNOTATED, shop).replace("&image", "").replace("*image", "x@" + digest(shop.images.legacy))
    result = pin(shop, "-f", "-", stdin=text)
    assert (result.exit_code, result.stdout) == (0, text)
    assert shop.registry.requests == asked


def test_json_is_pinned_too(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(a_pod(tagged(shop.images.legacy)), indent=1))
    result = pin(shop, "-f", str(file))
    assert json.loads(result.stdout) == a_pod(f"{tagged(shop.images.legacy)}@{digest(shop.images.legacy)}")


def test_a_folder_is_rewritten_in_place_file_by_file(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    first, second, same = tmp_path / "a.yaml", tmp_path / "deep" / "b.yml", tmp_path / "c.yaml"
    for file in (first, second):
        file.write_text(written(ANNOTATED, shop))
    same.write_text("# nothing to pin\nkind: ConfigMap\n")
    first.chmod(0o640)
    inodes = first.stat().st_ino, same.stat().st_ino
    result = pin(shop, "--in-place", "-f", str(tmp_path))
    assert (result.exit_code, result.output) == (0, "")
    assert first.read_text() == second.read_text() == pinned(ANNOTATED, shop)
    assert same.read_text() == "# nothing to pin\nkind: ConfigMap\n"
    assert (first.stat().st_ino == inodes[0], same.stat().st_ino == inodes[1]) == (False, True)
    assert first.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.yaml", "c.yaml", "deep"]


def test_a_link_stays_a_link(shop: Shop, tmp_path: Path) -> None:
    link, file = tmp_path / "link.yaml", tmp_path / "file"
    file.write_text(written(ANNOTATED, shop))
    link.symlink_to("file")
    assert pin(shop, "-i", "-f", str(link)).exit_code == 0
    assert link.is_symlink()
    assert file.read_text() == pinned(ANNOTATED, shop)


def test_several_files_are_printed_as_one_stream(shop: Shop, tmp_path: Path) -> None:
    for name, text in (("a.yaml", "kind: A"), ("b.yaml", "---\nkind: B\n"), ("c.yaml", "kind: C\n")):
        (tmp_path / name).write_text(text)
    assert pin(shop, "-f", str(tmp_path)).stdout == "kind: A\n---\nkind: B\n---\nkind: C\n"


def test_standard_input_cannot_be_rewritten_in_place(shop: Shop) -> None:
    result = pin(shop, "-i", "-f", "-", stdin="kind: A")
    assert result.exit_code == 2
    assert "standard input cannot be rewritten in place" in result.stderr


def test_a_file_that_cannot_be_replaced_is_a_fault_of_use(shop: Shop) -> None:
    reader, writer = os.pipe()
    os.write(writer, written(ANNOTATED, shop).encode())
    os.close(writer)
    try:
        result = pin(shop, "-i", "-f", f"/dev/fd/{reader}")
    finally:
        os.close(reader)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"/dev/fd/{reader}: ")


def test_no_file_is_written_when_one_cannot_be_read(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(written(ANNOTATED, shop))
    (tmp_path / "broken.yaml").write_text("a: [")
    result = pin(shop, "-i", "-f", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{tmp_path}/broken.yaml:2: is not YAML")
    assert file.read_text() == written(ANNOTATED, shop)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_no_manifests_at_all_is_a_fault_of_use(shop: Shop, text: str) -> None:
    result = pin(shop, "-f", "-", stdin=text)
    assert (result.exit_code, result.stderr) == (2, "no manifests in -\n")


def test_what_cannot_be_pinned_is_told_and_the_rest_is(shop: Shop, tmp_path: Path) -> None:
    web, missing = tagged(shop.images.legacy), f"{shop.host}/shop/missing:1.0"
    file = write(tmp_path, a_pod(web), a_deployment(missing))
    result = pin(shop, "-i", "-f", file)
    assert result.exit_code == 1
    line = next(number for number, text in enumerate(Path(file).read_text().split("\n"), 1) if missing in text)
    assert result.stderr == (
        f"{file}:{line}: spec.template.spec.containers[0].image: IMAGE_NOT_FOUND: registry {shop.host} has no image"
        f" {missing}; fix: check the name and push the image\n"
    )
    assert f"{web}@{digest(shop.images.legacy)}\n" in Path(file).read_text()


def test_what_is_no_reference_cannot_be_pinned(shop: Shop, tmp_path: Path) -> None:
    result = pin(shop, "-f", write(tmp_path, a_pod("No Reference")))
    assert result.exit_code == 1
    assert ": spec.containers[0].image: REFERENCE_INVALID: " in result.stderr


def test_an_object_that_cannot_be_read_is_told(shop: Shop, tmp_path: Path) -> None:
    pod = a_pod(tagged(shop.images.legacy))
    pod["spec"]["containers"] = 7
    result = pin(shop, "-f", write(tmp_path, pod))
    assert result.exit_code == 1
    assert f"{tmp_path}/manifests.yaml:1: spec: OBJECT_INVALID: " in result.stderr


def test_a_registry_that_cannot_be_asked_leaves_the_question_open(tmp_path: Path) -> None:
    result = run("pin", "--insecure-registry", "127.0.0.1:9", "-f", write(tmp_path, a_pod("127.0.0.1:9/web:1.0")))
    assert result.exit_code == 3
    assert "REGISTRY_UNAVAILABLE" in result.stderr


def test_an_address_that_nobody_named_is_not_dialled(shop: Shop, tmp_path: Path) -> None:
    asked = shop.registry.requests
    result = run("pin", "-f", write(tmp_path, a_pod(tagged(shop.images.legacy))))
    assert result.exit_code == 3
    assert "ADDRESS_NOT_ALLOWED" in result.stderr
    assert shop.registry.requests == asked


def test_policies_say_what_is_pinned(shop: Shop, policies: str, tmp_path: Path) -> None:
    web = tagged(shop.images.legacy)
    file = write(tmp_path, a_pod(web), a_pod(web, "staging"), a_pod("nginx:1.29"))
    result = pin(shop, "-p", policies, "-f", file)
    assert result.stdout.count(f"{web}@{digest(shop.images.legacy)}\n") == 1
    assert result.stdout.count(f"{web}\n") == 1
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "REGISTRY_NOT_ALLOWED" in result.stderr


def test_labels_of_namespaces_may_decide_what_is_pinned(shop: Shop, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(
        "apiVersion: tidewaiter.dev/v1alpha1\nkind: ClusterPodPolicy\nmetadata: {name: a}\nspec:\n"
        "  match: {namespaceSelector: {matchLabels: {tier: prod}}}\n  images: {tags: Pinned}\n"
    )
    web = tagged(shop.images.legacy)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "declared", "labels": {"tier": "prod"}}}
    file = write(tmp_path, namespace, a_pod(web, "declared"), a_pod(web, "given"), a_pod(web, "other"))
    result = pin(shop, "-p", str(policy), "-f", file, "--namespace-label", "given:tier=prod")
    assert result.stdout.count(f"@{digest(shop.images.legacy)}") == 2
    assert result.exit_code == 3
    assert result.stderr.count("NAMESPACE_UNKNOWN") == 1


SHARED = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: production}
spec:
  containers:
  - {name: first, image: &image HOST/shop/web:1.0}
  - {name: second, image: *image}
---
"""


@pytest.mark.parametrize(
    "elsewhere",
    [
        "metadata: {name: web, namespace: production, labels: {image: *image}}",
        "metadata: {name: web, namespace: production, annotations: {a: *image, b: *image}}",
    ],
)
def test_a_value_that_other_fields_share_is_left_as_it_is(shop: Shop, elsewhere: str) -> None:
    lines = written(SHARED, shop).split("\n")
    lines[2:3] = []
    text = "\n".join([*lines[:-2], elsewhere, *lines[-2:]])
    result = pin(shop, "-f", "-", stdin=text)
    assert (result.exit_code, result.stdout) == (1, text)
    assert result.stderr == "<stdin>:5: not pinned: aliases use this value elsewhere\n"


def test_a_value_that_is_judged_in_one_place_only_is_left_as_it_is(shop: Shop, policies: str) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: %s}, spec: %s}"
    spec = f"&spec {{containers: [{{name: a, image: {tagged(shop.images.legacy)}}}]}}"
    text = f"kind: List\napiVersion: v1\nitems:\n- {pod % ('production', spec)}\n- {pod % ('staging', '*spec')}\n"
    result = pin(shop, "-p", policies, "-f", "-", stdin=text)
    assert (result.exit_code, result.stdout) == (1, text)
    assert "<stdin>:4: not pinned" in result.stderr
