"""The arguments in the Deployment and the program that takes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.charts.rendering import CI_VALUES, render
from webhook.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

every_values = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)


@every_values
def test_arguments_are_flags_of_serve(values: Path, helm: Path) -> None:
    command, *flags = render(helm, values).args
    parameters = main.commands[command].params
    known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {flag.partition("=")[0] for flag in flags} <= known


@every_values
def test_arguments_take_only_values_that_serve_takes(values: Path, helm: Path) -> None:
    command, *flags = render(helm, values).args
    choices = {
        option: parameter.type.choices
        for parameter in main.commands[command].params
        if isinstance(parameter.type, click.Choice)
        for option in parameter.opts
    }
    chosen = {flag: value for flag, _, value in (each.partition("=") for each in flags) if flag in choices}
    assert chosen.keys() == {"--mode", "--no-match", "--workloads"}
    assert all(value in choices[flag] for flag, value in chosen.items())


@every_values
def test_every_file_in_the_arguments_is_mounted(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    (container,) = rendered.pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts.keys() == {volume["name"] for volume in rendered.pod["volumes"]}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    named = {file for arg in rendered.args for file in re.findall(r"=(/\S+)$", arg)}
    assert named == set(_mounted(rendered.pod, mounts))


def _mounted(pod: dict[str, Any], mounts: dict[str, str]) -> Iterator[str]:
    """Every path that an argument should name: the files of each volume, or its folder where any file will do."""
    for volume in pod["volumes"]:
        folder = mounts[volume["name"]]
        sources = [source["configMap"] for source in volume.get("projected", {}).get("sources", ())]
        items = [item["path"] for source in (*sources, volume.get("secret", {})) for item in source.get("items", ())]
        if volume["name"] == "tls":  # a Secret of type kubernetes.io/tls
            items = ["tls.crt", "tls.key"]
        yield from (f"{folder}/{item}" for item in items) if items else (folder,)
