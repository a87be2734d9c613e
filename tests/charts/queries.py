"""PromQL, as far as tests read it: which metrics a query names."""

import re
from typing import Final

from webhook.cli.metrics_reference import Family, controller, server

OF_APISERVER: Final = frozenset(
    {
        "apiserver_admission_webhook_admission_duration_seconds_bucket",
        "apiserver_admission_webhook_fail_open_count",
        "apiserver_admission_webhook_rejection_count",
        "apiserver_admission_webhook_request_total",
    }
)
"""`k8s.io/apiserver/pkg/admission/metrics/metrics.go`."""

OF_PROCESSES: Final = frozenset({"process_cpu_seconds_total", "process_resident_memory_bytes"})

_NOT_NAMES: Final = re.compile(r'"[^"]*"|\[[^]]*\]|\{[^}]*\}|\b(?:by|on|without|ignoring)\s*\([^)]*\)')
_NAME: Final = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_WORDS: Final = frozenset({"and", "or", "unless", "offset", "bool"})


def metrics(query: str) -> set[str]:
    """The names of metrics in a query; not those of functions, labels or words of the language."""
    return set(_NAME.findall(_NOT_NAMES.sub(" ", query))) - _WORDS


def known() -> set[str]:
    """All names that there are."""
    ours: list[Family] = [*server(), *controller()]
    return {name for each in ours for name in each.samples} | OF_APISERVER | OF_PROCESSES
