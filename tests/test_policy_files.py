"""Policies from files and folders, and what happens when they change."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.policy.writing import ATTESTED, KEY, OTHER_KEY, ROOT, TRUST_ROOT, TRUSTED_ROOT, TUF, VALID, of_match
from webhook import policy_files
from webhook.admission.ports import Policies
from webhook.policy.documents import Fault, FaultsError
from webhook.policy.yaml_values import MAX_BYTES
from webhook.policy_files import MAX_FILES, MAX_NAMED_BYTES, PolicyFiles, Reload

EXPECTED_KIND = "expected ClusterPodPolicy or TrustRoot (tidewaiter.dev/v1alpha1)"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(*paths: Path) -> list[str]:
    return [policy.name for policy in policy_files.load(paths).policies]


def refusal(*paths: Path) -> str:
    with pytest.raises(FaultsError) as caught:
        policy_files.load(paths)
    return str(caught.value)


def test_a_file_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    assert names(write(tmp_path / "policy.txt", of_match("a"))) == ["a"]


def test_several_files_and_folders_are_one_set(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", of_match("a") + "---\n" + of_match("b"))
    write(tmp_path / "folder" / "two.yaml", of_match("c"))
    assert names(one, tmp_path / "folder") == ["a", "b", "c"]


def test_a_folder_is_read_without_hidden_files_other_files_and_subfolders(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", "c.json", ".hidden.yaml", "notes.md", "d.yaml.orig", "sub/e.yaml"):
        write(tmp_path / name, of_match(name.replace("/", "-").strip(".")))
    assert names(tmp_path) == ["a.yaml", "b.yml", "c.json"]


def test_faults_come_in_the_order_of_file_names_and_all_at_once(tmp_path: Path) -> None:
    write(tmp_path / "b.yaml", of_match("b").replace("true", "3"))
    write(tmp_path / "a.yaml", "a: [")
    write(tmp_path / "c.yaml", "kind: Deployment")
    assert refusal(tmp_path).splitlines() == [
        f"{tmp_path}/a.yaml:2: is not YAML: did not find expected node content",
        f"{tmp_path}/b.yaml:5: spec.containers.runAsNonRoot: expected true or false, found 3",
        f'{tmp_path}/c.yaml:1: kind: {EXPECTED_KIND}, found "Deployment"',
    ]


def test_two_files_with_a_policy_of_one_name_are_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", of_match("same"))
    write(tmp_path / "b.yaml", of_match("same"))
    assert refusal(tmp_path) == (
        f"{tmp_path}/b.yaml:3: metadata.name: there is a policy same in {tmp_path}/a.yaml:1 already"
    )


def test_a_path_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no") == f"{tmp_path}/no: cannot be read: No such file or directory"
    assert refusal(tmp_path / "\0") == f"{tmp_path}/\0: cannot be read: its name is not one of a file"


def test_a_path_that_no_file_system_takes_is_a_fault(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("a" * 300)) == f"{tmp_path}/{'a' * 300}: cannot be read: File name too long"
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(tmp_path / "loop").startswith(f"{tmp_path}/loop: cannot be read: Too many levels")


def test_a_folder_without_policies_is_a_fault_also_beside_others(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    write(empty / "README", "nothing")
    assert refusal(empty) == f"{empty}: no ClusterPodPolicy found in {empty}"
    assert refusal(write(tmp_path / "a.yaml", of_match("a")), empty) == f"{empty}: no ClusterPodPolicy found in {empty}"


def test_files_without_policies_are_a_fault(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.yaml", "# nothing"), write(tmp_path / "b.yaml", "")
    assert refusal(one, other) == f"{one}, {other}: no ClusterPodPolicy found in {one}, {other}"


def test_no_path_at_all_is_a_fault() -> None:
    assert "no ClusterPodPolicy found" in refusal()


def test_a_link_to_nowhere_is_a_fault_and_not_a_missing_policy(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", of_match("a"))
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone")
    assert refusal(tmp_path) == f"{tmp_path}/b.yaml: cannot be read: No such file or directory"


def test_a_folder_that_is_called_like_a_file_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", of_match("a"))
    (tmp_path / "b.yaml").mkdir()
    assert refusal(tmp_path) == f"{tmp_path}/b.yaml: cannot be read: not a regular file"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert refusal(tmp_path) == f"{tmp_path}/a.yaml: cannot be read: not a regular file"


def test_a_file_beyond_the_ceiling_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "#" * (MAX_BYTES + 2))
    assert refusal(tmp_path) == f"{tmp_path}/a.yaml: has more than {MAX_BYTES} bytes"


def test_a_folder_beyond_the_ceiling_is_a_fault(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / f"{number}.yaml").symlink_to("nowhere")
    assert refusal(tmp_path) == f"{tmp_path}: more than {MAX_FILES} files"


def test_a_key_file_lies_beside_its_policy(tmp_path: Path) -> None:
    write(tmp_path / "policies" / "prod.yaml", VALID.replace("file: night.pub", "file: ../keys/night.pub"))
    write(tmp_path / "policies" / "release.pub", KEY)
    write(tmp_path / "keys" / "night.pub", OTHER_KEY)
    assert names(tmp_path / "policies") == ["production"]


def test_a_key_file_may_be_named_in_full(tmp_path: Path) -> None:
    key = write(tmp_path / "keys" / "night.pub", OTHER_KEY)
    write(tmp_path / "policies" / "prod.yaml", VALID.replace("file: night.pub", f"file: {key}"))
    write(tmp_path / "policies" / "release.pub", KEY)
    assert names(tmp_path / "policies") == ["production"]


def test_a_key_file_that_is_missing_or_endless_is_a_fault(tmp_path: Path) -> None:
    policy = write(tmp_path / "prod.yaml", VALID)
    write(tmp_path / "release.pub", "A" * (MAX_NAMED_BYTES + 2))
    assert refusal(policy).splitlines() == [
        f"{policy}:24: spec.images.authorities[0].key.file: cannot be read: has more than {MAX_NAMED_BYTES} bytes",
        f"{policy}:28: spec.images.authorities[1].key.file: cannot be read: No such file or directory",
    ]


def test_a_key_file_at_the_ceiling_is_read(tmp_path: Path) -> None:
    policy = write(tmp_path / "prod.yaml", VALID)
    write(tmp_path / "release.pub", "A" * MAX_NAMED_BYTES)
    assert refusal(policy).splitlines()[0] == (
        f"{policy}:24: spec.images.authorities[0].key.file: {MAX_NAMED_BYTES} characters are too many for a public key"
    )


def test_a_trust_root_lies_beside_the_policies_that_name_it(tmp_path: Path) -> None:
    policy, trust_root = ATTESTED.split("---\n")
    write(tmp_path / "a.yaml", policy)
    write(tmp_path / "z.yaml", trust_root.replace("trusted_root.json", "sub/trusted_root.json"))
    write(tmp_path / "release.pub", KEY)
    write(tmp_path / "sub" / "trusted_root.json", TRUSTED_ROOT)
    book = policy_files.load([tmp_path])
    assert list(book.trust_roots) == ["private"]
    assert book.trust_roots["private"].content == TRUSTED_ROOT.encode()


def test_files_that_are_named_may_lie_among_the_policies(tmp_path: Path) -> None:
    write(tmp_path / "prod.yaml", f"{ATTESTED}---\n{TUF}")
    write(tmp_path / "release.pub", KEY)
    write(tmp_path / "root.json", ROOT)
    assert refusal(tmp_path) == f"{tmp_path}/prod.yaml:48: spec.file: cannot be read: No such file or directory"
    write(tmp_path / "trusted_root.json", TRUSTED_ROOT)
    assert names(tmp_path) == ["attested"]
    write(tmp_path / "other_root.json", TRUSTED_ROOT)
    assert refusal(tmp_path) == f"{tmp_path}/other_root.json:1: kind: {EXPECTED_KIND}, found nothing"


def test_a_policy_keeps_its_faults_also_where_it_is_named_as_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", VALID.replace("night.pub", "b.yaml"))
    write(tmp_path / "release.pub", KEY)
    write(tmp_path / "b.yaml", of_match("b").replace("true", "3"))
    assert [line.partition(": ")[0] for line in refusal(tmp_path).splitlines()] == [
        f"{tmp_path}/a.yaml:28",
        f"{tmp_path}/b.yaml:5",
    ]


def test_files_of_trust_roots_alone_are_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", TRUST_ROOT)
    assert refusal(path) == f"{path}: no ClusterPodPolicy found in {path}"


def test_a_policy_may_name_a_trust_root_that_is_given_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", ATTESTED.partition("---")[0])
    write(tmp_path / "release.pub", KEY)
    unknown = f'{path}:21: spec.images.authorities[1].trustRoot: unknown trust root "private"'
    assert refusal(path) == f"{unknown}; a TrustRoot document or --trust-root NAME=FILE gives one"
    with pytest.raises(FaultsError) as caught:
        PolicyFiles([path], ["privates"])
    assert str(caught.value) == f"{unknown}, did you mean `privates`?"
    assert policy_files.load([path], ["private"]) == PolicyFiles([path], ["private"]).current()
    assert policy_files.read([path], ["private"]).book("x").trust_roots == {}


def test_reading_for_lint_raises_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", of_match("a") + "---\nkind: Pod\n")
    collection = policy_files.read([tmp_path])
    assert [written.policy.name for written in collection.policies] == ["a"]
    assert [fault.message for fault in collection.faults] == [f'{EXPECTED_KIND}, found "Pod"']


class ConfigMap:
    """A volume as kubelet writes it: files are links into `..data`, itself a link that is swapped as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._version = 0

    def put(self, files: dict[str, str]) -> None:
        self._version += 1
        inside = self.folder / f"..2026_{self._version}"
        for name, text in files.items():
            write(inside / name, text)
        (self.folder / "..data_tmp").symlink_to(inside.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for link in self.folder.iterdir():
            if not link.name.startswith(".") and link.name not in files:
                link.unlink()


def test_a_mounted_config_map_is_read_as_its_files_are_called(tmp_path: Path) -> None:
    volume = ConfigMap(tmp_path / "policies")
    volume.put({"a.yaml": of_match("a"), "b.yaml": of_match("B")})
    assert refusal(tmp_path / "policies").startswith(f"{tmp_path}/policies/b.yaml:3: metadata.name: ")


def test_a_mounted_config_map_is_reread_when_kubelet_swaps_it(tmp_path: Path) -> None:
    volume = ConfigMap(tmp_path / "policies")
    volume.put({"prod.yaml": VALID, "release.pub": KEY, "night.pub": OTHER_KEY})
    files = PolicyFiles([tmp_path / "policies"])
    before = files.current()
    volume.put({"prod.yaml": VALID, "release.pub": KEY, "night.pub": OTHER_KEY, "more.yaml": of_match("more")})
    assert files.look() == Reload(files.current())
    assert [policy.name for policy in files.current().policies] == ["more", "production"]
    volume.put({"prod.yaml": VALID, "release.pub": KEY, "night.pub": OTHER_KEY})
    assert files.look() is not None
    assert files.current().generation == before.generation


def test_a_mounted_config_map_may_hold_a_trust_root_beside_the_policy_that_names_it(tmp_path: Path) -> None:
    volume = ConfigMap(tmp_path / "policies")
    volume.put({"prod.yaml": ATTESTED, "release.pub": KEY, "trusted_root.json": TRUSTED_ROOT})
    files = PolicyFiles([tmp_path / "policies"])
    before = files.current()
    changed = TRUSTED_ROOT.replace("rekor.example.com", "rekor.example.org")
    volume.put({"prod.yaml": ATTESTED, "release.pub": KEY, "trusted_root.json": changed})
    assert files.look() == Reload(files.current())
    assert files.current().trust_roots["private"].content == changed.encode()
    assert files.current().generation != before.generation


def test_files_that_are_not_yet_linked_are_read_already(tmp_path: Path) -> None:
    """A reading that comes between the swap and the links sees the new version, whole."""
    volume = ConfigMap(tmp_path / "policies")
    volume.put({"a.yaml": of_match("a")})
    write(tmp_path / "policies" / "..data" / "b.yaml", of_match("b"))
    assert names(tmp_path / "policies") == ["a", "b"]


def test_a_config_map_whose_data_leads_to_itself_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "..data").symlink_to("..data")
    assert refusal(tmp_path).startswith(f"{tmp_path}: cannot be read: Too many levels")


def test_a_config_map_whose_data_is_gone_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "..data").symlink_to("..gone")
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: No such file or directory"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.yaml", of_match("a"))
    return tmp_path


def test_policy_files_fill_the_port_of_the_decision(folder: Path) -> None:
    policies: Policies = PolicyFiles([folder])
    assert [policy.name for policy in policies.current().policies] == ["a"]


def test_faults_at_the_start_are_raised(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="no ClusterPodPolicy found"):
        PolicyFiles([tmp_path])


def test_a_look_at_files_that_did_not_change_finds_nothing(folder: Path) -> None:
    files = PolicyFiles([folder])
    book = files.current()
    write(folder / "a.yaml", of_match("a"))
    assert files.look() is None
    assert files.current() is book


def test_a_changed_file_is_in_force_after_the_next_look(folder: Path) -> None:
    files = PolicyFiles([folder])
    before = files.current()
    write(folder / "b.yaml", of_match("b"))
    assert files.look() == Reload(files.current())
    assert [policy.name for policy in files.current().policies] == ["a", "b"]
    assert [policy.name for policy in before.policies] == ["a"]
    assert files.look() is None


def vanish(folder: Path) -> None:
    (folder / "a.yaml").unlink()


def break_policy(folder: Path) -> None:
    write(folder / "a.yaml", of_match("a").replace("true", "3"))


def add_a_fault(folder: Path) -> None:
    write(folder / "b.yaml", "a: [")


def link_to_nowhere(folder: Path) -> None:
    (folder / "b.yaml").symlink_to("gone")


@pytest.mark.parametrize("change", [vanish, break_policy, add_a_fault, link_to_nowhere])
def test_the_last_good_set_stays_while_there_are_faults(folder: Path, change: Callable[[Path], None]) -> None:
    files = PolicyFiles([folder])
    good = files.current()
    change(folder)
    reload = files.look()
    assert reload is not None
    assert reload.book is None
    assert reload.faults
    assert files.current() is good
    assert files.look() is None, "the same faults are told once"


def test_a_set_that_was_mended_is_in_force_again(folder: Path) -> None:
    files = PolicyFiles([folder])
    good = files.current()
    break_policy(folder)
    files.look()
    write(folder / "a.yaml", of_match("a"))
    reload = files.look()
    assert reload is not None
    assert reload.book == good
    assert files.current().generation == good.generation


def test_the_folder_itself_may_vanish(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    path = write(folder / "a.yaml", of_match("a"))
    files = PolicyFiles([folder])
    path.unlink()
    folder.rmdir()
    assert files.look() == Reload(None, files_missing(folder))
    assert [policy.name for policy in files.current().policies] == ["a"]


def files_missing(folder: Path) -> tuple[Fault, ...]:
    return (Fault(str(folder), 0, "", "cannot be read: No such file or directory"),)


def test_a_key_that_is_replaced_is_in_force_after_the_next_look(tmp_path: Path) -> None:
    write(tmp_path / "prod.yaml", VALID)
    write(tmp_path / "release.pub", KEY)
    key = write(tmp_path / "night.pub", OTHER_KEY)
    files = PolicyFiles([tmp_path])
    before = files.current().generation
    write(key, KEY)
    reload = files.look()
    assert reload is not None
    assert [fault.message for fault in reload.faults] == ["the same key as that of authority release"]
    write(tmp_path / "release.pub", OTHER_KEY)
    reload = files.look()
    assert reload is not None
    assert reload.book is not None
    assert reload.book.generation != before
    assert files.look() is None


def test_a_key_that_vanishes_is_a_fault_and_the_last_good_set_stays(tmp_path: Path) -> None:
    write(tmp_path / "prod.yaml", VALID)
    write(tmp_path / "release.pub", KEY)
    key = write(tmp_path / "night.pub", OTHER_KEY)
    files = PolicyFiles([tmp_path])
    good = files.current()
    key.unlink()
    reload = files.look()
    assert reload is not None
    assert [fault.message for fault in reload.faults] == ["cannot be read: No such file or directory"]
    assert files.look() is None
    write(key, OTHER_KEY)
    reload = files.look()
    assert reload is not None
    assert reload.book == good


def test_a_trust_root_that_is_replaced_is_in_force_after_the_next_look(tmp_path: Path) -> None:
    write(tmp_path / "prod.yaml", ATTESTED)
    write(tmp_path / "release.pub", KEY)
    file = write(tmp_path / "trusted_root.json", TRUSTED_ROOT)
    files = PolicyFiles([tmp_path], iter(["given"]))
    before = files.current()
    assert files.look() is None
    write(file, TRUSTED_ROOT.replace("rekor.example.com", "rekor.example.org"))
    assert files.look() == Reload(files.current())
    assert files.current().policies == before.policies
    assert files.current().generation != before.generation
    write(file, "{}")
    reload = files.look()
    assert reload is not None
    assert [fault.path for fault in reload.faults] == ["spec.file"]
    assert files.look() is None


def test_names_of_trust_roots_that_are_given_stay_known_when_files_change(tmp_path: Path) -> None:
    path = write(tmp_path / "prod.yaml", ATTESTED.partition("---")[0])
    write(tmp_path / "release.pub", KEY)
    files = PolicyFiles([tmp_path], iter(["private"]))
    write(path, path.read_text(encoding="utf-8").replace("name: attested", "name: again"))
    assert files.look() == Reload(files.current())
    assert [policy.name for policy in files.current().policies] == ["again"]


async def test_watching_files_that_do_not_change_tells_nothing(folder: Path) -> None:
    loop, looks = asyncio.get_running_loop(), asyncio.Semaphore(0)

    class Counted(PolicyFiles):
        def look(self) -> Reload | None:
            loop.call_soon_threadsafe(looks.release)
            return super().look()

    told: list[Reload] = []
    watching = asyncio.create_task(Counted([folder]).watch(0.001, told.append))
    try:
        for _ in range(3):
            await asyncio.wait_for(looks.acquire(), 20)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert told == []


async def test_watching_tells_of_each_change_for_better_or_worse(folder: Path) -> None:
    files = PolicyFiles([folder])
    told: asyncio.Queue[Reload] = asyncio.Queue()
    watching = asyncio.create_task(files.watch(0.001, told.put_nowait))
    try:
        rewritten(folder / "a.yaml", of_match("a").replace("true", "3"))
        worse = await asyncio.wait_for(told.get(), 20)
        assert worse.book is None
        rewritten(folder / "a.yaml", of_match("other"))
        better = await asyncio.wait_for(told.get(), 20)
        assert better.book is files.current()
        assert [policy.name for policy in files.current().policies] == ["other"]
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert told.empty()


def rewritten(path: Path, text: str) -> None:
    """Replaced as a whole, as editors do it."""
    beside = write(path.with_suffix(".new"), text)
    beside.rename(path)


class Failing(PolicyFiles):
    """Fails in a way that nobody foresaw, once."""

    failures = 1

    def look(self) -> Reload | None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("boom")
        return super().look()


async def test_watching_goes_on_after_a_failure_that_nobody_foresaw(folder: Path) -> None:
    files = Failing([folder])
    told: asyncio.Queue[Reload] = asyncio.Queue()
    watching = asyncio.create_task(files.watch(0.001, told.put_nowait))
    try:
        failed = await asyncio.wait_for(told.get(), 20)
        assert [str(fault) for fault in failed.faults] == [f"{folder}: failed (RuntimeError)"]
        rewritten(folder / "a.yaml", of_match("other"))
        assert (await asyncio.wait_for(told.get(), 20)).book is files.current()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
