"""Kubelet's CredentialProviderConfig: which programs are asked for credentials, and for which images.

Format: `kubelet.config.k8s.io/v1` (k8s.io/kubelet `config/v1`), rules: kubelet's
`pkg/credentialprovider/plugin/config.go`. Of the protocols between kubelet and a program there is version v1 alone.
`tokenAttributes` are refused: a token that is bound to a pod cannot be had before there is that pod.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from webhook.errors import ConfigurationError
from webhook.policy import yaml_values
from webhook.registry.credential_providers import durations, patterns
from webhook.registry.credential_providers.patterns import ImagePattern

API_VERSION = "kubelet.config.k8s.io/v1"
KIND = "CredentialProviderConfig"
PROTOCOL = "credentialprovider.kubelet.k8s.io/v1"

MAX_BYTES = 1024 * 1024
"""What fits into a ConfigMap."""

_NAME = re.compile(r"[!-.0-~]{1,255}", re.ASCII)  # kubelet refuses '/' and spaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A program, what it is started with, and the images that it is asked about.

    `default_seconds` is how long an answer is kept that does not say so itself.
    """

    name: str
    program: Path
    patterns: tuple[ImagePattern, ...]
    default_seconds: float
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Variable(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    value: str = ""


class _Provider(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str
    match_images: list[str]
    default_cache_duration: str
    api_version: str
    args: list[str] | None = None
    env: list[_Variable] | None = None
    token_attributes: Any = None


class _Config(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    api_version: str
    kind: str
    providers: list[_Provider]


def load(file: Path, folder: Path) -> tuple[Provider, ...]:
    """The providers that a file names, whose programs lie in a folder. Raises `ConfigurationError` with all faults."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from error
    try:
        config = _decoded(content)
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from None
    faults = list(_faults(config, folder))
    if faults:
        raise ConfigurationError(f"{file}: {'; '.join(faults)}")
    return tuple(_provider(written, folder) for written in config.providers)


def _decoded(content: bytes) -> _Config:
    """The document as it is written. Raises ValueError, without values that are written: variables may be secrets."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES} bytes")
    values = yaml_values.read(content)
    if values.faults or len(values.roots) != 1:
        line = values.faults[0][0] if values.faults else 0
        raise ValueError(f"is not one YAML document{f' (line {line})' if line else ''}")
    try:
        config = msgspec.convert(values.roots[0].value, _Config)
    except msgspec.ValidationError as error:
        raise ValueError(f"is no {KIND}: {error}") from None
    if (config.api_version, config.kind) != (API_VERSION, KIND):
        raise ValueError(f"is no {KIND} of {API_VERSION}")
    return config


def _faults(config: _Config, folder: Path) -> Iterator[str]:
    if not config.providers:
        yield "providers is empty, expected at least one"
    seen: set[str] = set()
    for index, written in enumerate(config.providers):
        place = f"providers[{index}]"
        if written.name in seen:
            yield f"{place}.name is that of another provider"
        seen.add(written.name)
        yield from (f"{place}.{fault}" for fault in _provider_faults(written, folder))


def _provider_faults(written: _Provider, folder: Path) -> Iterator[str]:
    if not _NAME.fullmatch(written.name) or written.name in {".", ".."}:
        yield "name is not the name of a program, without '/' and spaces"
    elif not _is_program(folder / written.name):
        yield f"name: there is no program {written.name} in {folder}"
    if written.api_version != PROTOCOL:
        yield f"apiVersion is not {PROTOCOL}"
    if not written.match_images:
        yield "matchImages is empty, expected at least one"
    for index, text in enumerate(written.match_images):
        yield from _fault(f"matchImages[{index}]", patterns.parse, text)
    yield from _fault("defaultCacheDuration", _cache_seconds, written.default_cache_duration)
    if any("\0" in text for text in written.args or ()):
        yield "args has a NUL character"
    for index, variable in enumerate(written.env or ()):
        if not variable.name or "=" in variable.name or "\0" in variable.name + variable.value:
            yield f"env[{index}] is not a variable of an environment"
    if written.token_attributes is not None:
        yield "tokenAttributes is not supported: there is no token of a pod before the pod"


def _fault(place: str, parse: Any, text: str) -> Iterator[str]:
    try:
        parse(text)
    except ValueError as error:
        yield f"{place}: {error}"


def _cache_seconds(text: str) -> float:
    seconds = durations.parse(text)
    if seconds < 0:
        raise ValueError("expected a duration that is not negative")
    return seconds


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _provider(written: _Provider, folder: Path) -> Provider:
    return Provider(
        name=written.name,
        program=folder / written.name,
        patterns=tuple(map(patterns.parse, written.match_images)),
        default_seconds=_cache_seconds(written.default_cache_duration),
        arguments=tuple(written.args or ()),
        environment={variable.name: variable.value for variable in written.env or ()},
    )
