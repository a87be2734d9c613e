"""The page of a scan: one HTML file that needs nothing else, for people who never saw a pod.

It runs no script and loads nothing, and its Content-Security-Policy says so. Its size is bounded however large the
cluster is; what was left out is told where it would have stood.
"""

from base64 import b64encode
from hashlib import sha256

from webhook.audit.markup import Markup, joined, markup, tag, text
from webhook.audit.mending import MAX_NAMESPACES
from webhook.audit.page_details import details
from webhook.audit.page_style import STYLE
from webhook.audit.page_tables import by_image, by_namespace, by_policy, meanings
from webhook.audit.page_words import SEPARATOR, amount, bar, meaning, moment, pods, shortened, unit
from webhook.audit.results import Scan
from webhook.audit.summary import Count, Counts, Mend, Summary

MENDS = 10
NOTES = 10

_HASH = b64encode(sha256(STYLE.encode()).digest()).decode("ascii")
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"


def page(scan: Scan, summary: Summary) -> str:
    """The whole page. `summary` is the scan's own."""
    return markup(
        Markup("<!DOCTYPE html>\n"),
        tag("html", _head(scan), tag("body", _header(scan, summary), _main(scan, summary), _footer()), lang="en"),
        Markup("\n"),
    )


def _head(scan: Scan) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Markup(_POLICY)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"Pod audit of {scan.ended:%Y-%m-%d %H:%M} UTC"),
        Markup(f"<style>{STYLE}</style>"),
    )


def _header(scan: Scan, summary: Summary) -> Markup:
    return tag(
        "header",
        tag("p", "tidewaiter pod audit", SEPARATOR, moment(scan.ended), class_="eyebrow"),
        tag("h1", _verdict(scan, summary)),
        tag("p", _standing(summary.counts), class_="lead"),
        *([_incomplete(scan.fault)] if scan.fault else ()),
        *([_unjudged()] if summary.says_nothing else ()),
    )


def _verdict(scan: Scan, summary: Summary) -> Markup:
    counts = summary.counts
    shown = {
        " would be denied today": counts.denied,
        " would be denied once Audit policies enforce": counts.would_be_denied,
        " could not be checked": counts.undecided,
    }
    worst = next((words for words, count in shown.items() if count.pods), "")
    if worst:
        return markup(shown[worst].pods, " of ", pods(counts.all.pods), worst)
    if not counts.all.pods:
        return markup("Nothing could be judged" if scan.fault else "No pods run here")
    if summary.says_nothing:
        return markup("No policy judges these pods")
    return markup("Every pod that was looked at passes" if scan.fault else "Every pod passes")


def _standing(counts: Counts) -> str:
    if not counts.all.pods:
        return "There was nothing to judge."
    return (
        "Pods that run are left alone. Each was judged as if it were created now, which happens when it is rolled out, "
        "scaled, or moved to another node: what is denied here does not come back then."
    )


def _incomplete(fault: str) -> Markup:
    return tag(
        "p",
        tag("strong", "This audit is incomplete: "),
        text(fault),
        ". What is not listed was not necessarily looked at.",
        class_="notice",
    )


def _unjudged() -> Markup:
    return tag("p", tag("strong", "No policy judges these pods. "), "That they pass says nothing.", class_="notice")


def _main(scan: Scan, summary: Summary) -> Markup:
    if not summary.counts.all.pods:
        return tag("main", _notes(scan))
    return tag(
        "main",
        _figures(summary),
        _first(summary),
        by_policy(summary),
        by_namespace(summary),
        by_image(summary),
        meanings(summary),
        details(scan),
        _notes(scan),
    )


def _figures(summary: Summary) -> Markup:
    counts = summary.counts
    both = counts.denied.pods + counts.would_be_denied.pods
    return tag(
        "section",
        tag("h2", "At a glance", class_="aside"),
        bar(counts, large=True),
        tag(
            "dl",
            _figure("denied", "Denied today", counts.denied, "An Enforce policy refuses them."),
            _figure("later", "Denied once enforced", counts.would_be_denied, _later(both)),
            _figure("unknown", "Not checked", counts.undecided, "Something could not be found out about them."),
            _figure("clear", "Pass", counts.clear, "No policy has anything against them."),
            class_="figures",
        ),
        tag("p", _totals(summary), class_="totals"),
    )


def _figure(kind: str, name: str, count: Count, meaning: Markup | str) -> Markup:
    return tag(
        "div",
        tag("dt", name),
        tag("dd", tag("b", count.pods), tag("span", unit(count)), class_="count"),
        tag("dd", meaning, class_="meaning"),
        class_=f"figure {kind}",
    )


def _later(both: int) -> Markup:
    return markup("When Audit policies become Enforce. With those of today: ", both, ".")


def _totals(summary: Summary) -> Markup:
    exempted = summary.exempted
    return markup(
        amount(summary.counts.all),
        ". Images: ",
        summary.images_total,
        ", of which ",
        summary.images_verified,
        " have every signature that policies want.",
        *([" Exemptions accept findings of ", amount(exempted), "."] if exempted.pods else ()),
    )


def _first(summary: Summary) -> Markup:
    if not summary.first:
        return tag("section", tag("h2", "What to do first"), tag("p", "Nothing."))
    more = len(summary.first) - MENDS
    return tag(
        "section",
        tag("h2", "What to do first"),
        tag("p", "What helps most pods stands first.", class_="hint"),
        tag("ol", *map(_mend, summary.first[:MENDS]), class_="mends"),
        *([tag("p", f"{more:,} further steps are left out here.", class_="cut")] if more > 0 else ()),
    )


def _mend(mend: Mend) -> Markup:
    return tag(
        "li",
        tag("h3", shortened(mend.fix) if mend.fix else meaning(mend.code)),
        tag("p", _gain(mend), class_="gain"),
        tag("p", _about(mend), " ", mend.message, class_="why"),
        tag("p", "For instance ", tag("code", mend.example), _within(mend), class_="where"),
        class_="denied" if mend.denies else "later",
    )


def _gain(mend: Mend) -> Markup:
    when = "denied today" if mend.denies else "denied once enforced"
    frees = (
        markup(", and is all that ", pods(mend.frees.pods), " ", "needs" if mend.frees.pods == 1 else "need")
        if mend.frees.pods
        else ""
    )
    return markup(tag("strong", when), SEPARATOR, "concerns ", amount(mend.counts), frees)


def _about(mend: Mend) -> Markup:
    if mend.image:
        return markup("Image ", tag("code", mend.image), ":")
    return markup("Policy ", tag("code", mend.policy), ":") if mend.policy else markup(mend.code.value, ":")


def _within(mend: Mend) -> Markup:
    if not mend.namespaces:
        return markup()
    more = Markup(", &hellip;") if len(mend.namespaces) == MAX_NAMESPACES else ""
    return markup("; in ", joined((tag("code", name) for name in mend.namespaces), ", "), more)


def _notes(scan: Scan) -> Markup:
    if not scan.notes:
        return markup()
    told = [tag("li", note) for note in scan.notes[:NOTES]]
    return tag("section", tag("h2", "Remarks"), tag("ul", *told))


def _footer() -> Markup:
    return tag("footer", tag("p", "Made by ", tag("code", "tidewaiter audit"), "."))
