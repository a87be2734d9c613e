"""Many policies asked about many images at once, by one run of the program."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system import policies
from tests.system.program import tidewaiter

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Matrix:
    """What `verify` told: by the names of a policy and of an image, the policy's judgements of the image."""

    policy: Path
    flags: Sequence[str]
    images: Mapping[str, str]
    judgements: Mapping[tuple[str, str], Sequence[Document]]

    def verified(self, policy: str) -> set[str]:
        """The images that the policy is content with."""
        return {name for name in self.images if all(each["verified"] for each in self.judgements[policy, name])}

    def codes(self, policy: str, image: str) -> list[str]:
        """The codes of judgements that do not hold, in their order."""
        return [each["code"] for each in self.judgements[policy, image] if not each["verified"]]

    def faults(self, policy: str, image: str) -> set[str]:
        """Why things found are not accepted, all of them together."""
        judged = self.judgements[policy, image]
        return {one["fault"] for each in judged for one in each["candidates"] if not one["accepted"]}

    def check(self) -> dict[tuple[str, str], list[str]]:
        """The codes of what `check` denies a pod of each image, by policy and image; it ends with 1."""
        pods = [policies.pod(name, image) for name, image in self.images.items()]
        manifests = "\n---\n".join(map(json.dumps, pods))
        done = tidewaiter("check", *self.flags, "-o", "json", "-p", self.policy, "-f", "-", input=manifests)
        assert (done.returncode, done.stderr) == (1, "")
        found: dict[tuple[str, str], list[str]] = {}
        for result in json.loads(done.stdout)["results"]:
            for violation in result["violations"]:
                case = violation["policy"], result["resource"].rpartition("/")[2]
                found.setdefault(case, []).append(violation["code"])
        return found

    def refused(self) -> dict[tuple[str, str], list[str]]:
        """The same as `verify` told it."""
        return {case: codes for case in self.judgements if (codes := self.codes(*case))}


def verify(file: Path, flags: Sequence[str], rules: Mapping[str, Document], images: Mapping[str, str]) -> Matrix:
    """Ask policies with these `images` rules, by name, about these images, by name; the policies are written to `file`.

    No image is what all of the policies want, so the program ends with 1.
    """
    policy = policies.write(file, **{name: {"images": each} for name, each in rules.items()})
    done = tidewaiter("verify", *flags, "-o", "json", "-p", policy, *images.values())
    assert (done.returncode, done.stderr) == (1, "")
    results = json.loads(done.stdout)["results"]
    assert [result["image"] for result in results] == list(images.values())
    judgements: dict[tuple[str, str], list[Document]] = {}
    for name, result in zip(images, results, strict=True):
        for judgement in result["judgements"]:
            judgements.setdefault((judgement["policy"], name), []).append(judgement)
    return Matrix(policy, flags, images, judgements)
