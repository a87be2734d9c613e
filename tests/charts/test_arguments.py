"""The arguments in the Deployment and the program that takes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.charts.rendering import CI_VALUES, OPTIONS, render
from webhook import config, workload_kinds
from webhook.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

every_values = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)


COMMANDS = {None: "serve", "controller": "controller"}
CHOICES = {
    "serve": {"--mode", "--no-match", "--workloads"},
    "controller": {"--mode", "--no-match", "--tls", "--report-api"},
}


@every_values
def test_arguments_are_flags_of_the_programs(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    for part in rendered.parts:
        command, *flags = rendered.args_of(part)
        assert command == COMMANDS[part]
        parameters = main.commands[command].params
        known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {flag.partition("=")[0] for flag in flags} <= known


@every_values
def test_arguments_take_only_values_that_the_programs_take(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    for part in rendered.parts:
        command, *flags = rendered.args_of(part)
        choices = {
            option: parameter.type.choices
            for parameter in main.commands[command].params
            if isinstance(parameter.type, click.Choice)
            for option in parameter.opts
        }
        chosen = {flag: value for flag, _, value in (each.partition("=") for each in flags) if flag in choices}
        assert chosen.keys() == CHOICES[command]
        assert all(value in choices[flag] for flag, value in chosen.items())


def test_the_program_reads_hosts_as_the_schema_does(each_helm: Path) -> None:
    given = [arg.partition("=")[::2] for arg in render(each_helm, OPTIONS).args]
    mirrors = [config.registry_mirror(value) for flag, value in given if flag == "--registry-mirror"]
    assert [(host, mirror.registry, mirror.path) for host, mirror in mirrors] == [
        ("docker.io", "mirror.example.com", "hub"),
        ("docker.io", "mirror.example.com:5000", "docker.io"),
        ("registry.example.com", "[fd00::1]:5000", ""),
    ]
    (url,) = (value for flag, value in given if flag == "--registry-proxy")
    proxy = config.registry_proxy(url, [value for flag, value in given if flag == "--no-proxy"])
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.example.com:3128"
    assert proxy.direct == {"registry.dev.example.com", ".corp", "fd00::1"}


def test_the_program_reads_kinds_as_the_schema_does(each_helm: Path) -> None:
    args = [arg.partition("=")[::2] for arg in render(each_helm, OPTIONS).args]
    kinds = workload_kinds.workload_kinds(value for flag, value in args if flag == "--workload-kind")
    assert [(kind.group, kind.resource, len(kind.paths)) for kind in kinds] == [
        ("argoproj.io", "rollouts", 1),
        ("tekton.dev", "tasks", 2),
    ]


@every_values
def test_every_file_in_the_arguments_is_mounted(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    for part in rendered.parts:
        pod = rendered.pod_of(part)
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        named = {file for arg in container["args"] for file in re.findall(r"=(/\S+)$", arg)}
        named |= {each["value"] for each in container.get("env", ()) if each["name"] == "SSL_CERT_FILE"}
        named |= {"/credential-providers"} & set(mounts.values())
        assert named == set(_mounted(pod, mounts))


def _mounted(pod: dict[str, Any], mounts: dict[str, str]) -> Iterator[str]:
    """Every path that an argument should name: the files of each volume, or its folder where any file will do."""
    for volume in pod["volumes"]:
        folder = mounts[volume["name"]]
        sources = [source["configMap"] for source in volume.get("projected", {}).get("sources", ())]
        sources += [volume[kind] for kind in ("secret", "configMap") if kind in volume]
        items = [item["path"] for source in sources for item in source.get("items", ())]
        yield from (f"{folder}/{item}" for item in items) if items else (folder,)
