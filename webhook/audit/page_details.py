"""The workloads of the page one by one, each folded until somebody wants to know."""

from collections.abc import Iterable, Iterator

from webhook.audit.markup import Markup, markup, tag
from webhook.audit.page_words import SEPARATOR, cut_note, pods
from webhook.audit.results import Audited, Scan
from webhook.verdict import Violation

WORKLOADS = 1_000
FINDINGS = 25
"""Of one workload."""

BYTES = 2 * 2**20
"""Of all workloads together: a browser opens that at once."""


def details(scan: Scan) -> Markup:
    """Every workload that something was found about, as many as there is room for, those denied today first."""
    found = sorted((each for each in scan.audited if _told(each)), key=_rank)
    shown = list(_fitting(map(_workload, found[:WORKLOADS])))
    if not shown:
        return tag("section", tag("h2", "Workloads"), tag("p", "Nothing was found about any of them."))
    return tag(
        "section",
        tag("h2", "Workloads"),
        tag("p", "Each with what was found, and how to mend it. Those denied today stand first.", class_="hint"),
        *shown,
        cut_note(len(found) - len(shown), "workloads"),
    )


def _fitting(blocks: Iterable[Markup]) -> Iterator[Markup]:
    room = BYTES
    for block in blocks:
        room -= len(block)
        if room < 0:
            return
        yield block


def _told(audited: Audited) -> bool:
    return bool(audited.findings or audited.exempted)


def _rank(audited: Audited) -> tuple[int, str, str, str]:
    subject = audited.subject
    return _KINDS.index(_kind(audited)), subject.namespace, subject.name, subject.kind


_KINDS = ("denied", "later", "unknown", "warned", "clear")
_NAMES = {
    "denied": "denied today",
    "later": "denied once enforced",
    "unknown": "not checked",
    "warned": "warned about",
    "clear": "passes",
}


def _kind(audited: Audited) -> str:
    """As the summary counts it: refused for nothing but what could not be found out is not checked."""
    if audited.undecided:
        return "unknown"
    if audited.denied:
        return "denied"
    if audited.would_be_denied:
        return "later"
    return "warned" if audited.findings else "clear"


def _workload(audited: Audited) -> Markup:
    kind = _kind(audited)
    subject = audited.subject
    title = markup(
        tag("span", _NAMES[kind], class_=f"badge {kind}"),
        " ",
        tag("code", subject.title),
        " ",
        tag("span", pods(audited.pods), SEPARATOR, _findings(len(audited.findings)), class_="count"),
    )
    told = [*(_finding(each) for each in audited.findings), *(_finding(each) for each in audited.exempted)]
    more = len(told) - FINDINGS + audited.left_out
    rest = tag("p", more, " more findings are left out here.", class_="cut") if more > 0 else markup()
    return tag("details", tag("summary", title), tag("ul", *told[:FINDINGS], class_="findings"), rest)


def _findings(count: int) -> str:
    return "1 finding" if count == 1 else f"{count:,} findings"


def _finding(finding: Violation) -> Markup:
    policy = markup(SEPARATOR, "policy ", tag("code", finding.policy)) if finding.policy else markup()
    lines = [
        tag("p", tag("code", finding.code.value, class_="code"), SEPARATOR, _effect(finding), policy, class_="what"),
        tag("p", tag("code", finding.path), *_container(finding), ": ", finding.message),
    ]
    if finding.image:
        lines.append(tag("p", "Image: ", tag("code", finding.image)))
    if finding.exemption:
        lines.append(tag("p", "Accepted for now: ", finding.exemption))
    elif finding.fix:
        lines.append(tag("p", tag("strong", "Fix: "), finding.fix, class_="fix"))
    return tag("li", *lines)


def _container(finding: Violation) -> Iterator[Markup]:
    if finding.container:
        yield markup(" of container ", tag("code", finding.container))


def _effect(finding: Violation) -> str:
    if finding.exemption:
        return "accepted by an exemption"
    return "could not be found out" if finding.inconclusive else _EFFECTS[finding.mode.value]


_EFFECTS = {"Enforce": "denies today", "Warn": "warns", "Audit": "recorded; denies once the policy enforces"}
