"""Labels of a namespace that decide what is asked of its pods: whoever changes one changes which policies speak there.

`kubernetes.io/metadata.name` is none of them: the API server writes it itself, and nobody else can.
"""

from collections.abc import Iterator, Mapping, Sequence

from webhook.admission import pod_security_labels
from webhook.codes import Code
from webhook.policy.book import Book
from webhook.policy.documents import path_text
from webhook.verdict import Violation

RIGHT = "update clusterpodpolicies.tidewaiter.dev"
"""What a user may do who may change such a label too: the first goes as far as the second."""

NAME = "kubernetes.io/metadata.name"

_SHOWN_READERS = 3

Labels = Mapping[str, str]


def readers(book: Book, *, pod_security: bool) -> Mapping[str, Sequence[str]]:
    """By label the policies that read it; Pod Security by its own name where it is judged."""
    found: dict[str, list[str]] = {}
    for policy in book.policies:
        for key in sorted({each.key for each in policy.match.selector or ()}):
            found.setdefault(key, []).append(policy.name)
    for key in sorted(pod_security_labels.KEYS) if pod_security else ():
        found.setdefault(key, []).append(pod_security_labels.POLICY)
    found.pop(NAME, None)
    return found


def changed(old: Labels, new: Labels, read: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The labels that are read and have another value than before, or are new, or gone."""
    return tuple(key for key in read if old.get(key) != new.get(key))


def unreadable(old: Labels | None, new: Labels) -> Iterator[Violation]:
    """Pod Security labels that cannot be read. `old` labels, None of a new namespace, may have been as wrong before.

    As Kubernetes' own controller refuses them (`k8s.io/pod-security-admission/admission/admission.go`).
    """
    wrong = pod_security_labels.demands(new).wrong
    if old is not None and wrong == pod_security_labels.demands(old).wrong:
        return
    for label in wrong:
        yield Violation(
            code=Code.NAMESPACE_LABEL_INVALID,
            path=_path(label.key),
            message=f"found {label.value!a}, expected {label.expected}",
        )


def not_allowed(key: str, read_by: Sequence[str], username: str) -> Violation:
    """The user may not change the label."""
    return Violation(
        code=Code.LABEL_GUARDED,
        path=_path(key),
        message=f"{_read(read_by)}; to set, change or remove it takes the right to {RIGHT}, which {username!a} lacks",
        fix="ask the cluster's administrators to do it",
    )


def not_known(key: str, read_by: Sequence[str]) -> Violation:
    """Whether the user may change the label could not be found out."""
    return Violation(
        code=Code.AUTHORIZATION_UNKNOWN,
        path=_path(key),
        message=f"{_read(read_by)}, and the API server did not say whether you may {RIGHT}",
        fix="try again; check that tidewaiter may create subjectaccessreviews",
    )


def _path(key: str) -> str:
    return path_text(("metadata", "labels", key))


def _read(by: Sequence[str]) -> str:
    more = len(by) - _SHOWN_READERS
    named = ", ".join(by[:_SHOWN_READERS]) + (f" and {more} more" if more > 0 else "")
    return f"the label is read by {'policy' if len(by) == 1 else 'policies'} {named}"
