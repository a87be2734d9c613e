"""The tables of the page: by policy, by namespace, by image."""

from collections.abc import Sequence

from webhook.audit.markup import Markup, Part, joined, markup, tag, text
from webhook.audit.page_words import SEPARATOR, bar, by_kind, cut_note, meaning, shortened
from webhook.audit.summary import ByImage, ByPolicy, Group, Summary

ROWS = 100
CODES = 3
SIGNER_CHARACTERS = 60


def by_policy(summary: Summary) -> Markup:
    """What each policy has against the pods that it judges."""
    rows = [_row(each, _policy(each)) for each in summary.policies[:ROWS]]
    caption = "Pods that each policy judges. A pod that several policies judge is counted for each."
    return _section("By policy", "policies", caption, "Policy", rows, len(summary.policies))


def by_namespace(summary: Summary) -> Markup:
    """What becomes of the pods of each namespace."""
    rows = [_row(each, tag("code", each.name)) for each in summary.namespaces[:ROWS]]
    return _section("By namespace", "namespaces", "Pods of each namespace.", "Namespace", rows, len(summary.namespaces))


def by_image(summary: Summary) -> Markup:
    """What becomes of the pods that have each image, those with findings about images."""
    found = [each for each in summary.images if each.counts.all != each.counts.clear]
    rows = [_row(each, _image(each)) for each in found[:ROWS]]
    caption = "Pods by their images, for images that something was found about."
    return _section("By image", "images", caption, "Image", rows, len(found))


def meanings(summary: Summary) -> Markup:
    """What the codes say that the page uses."""
    if not summary.codes:
        return markup()
    told = (markup(tag("dt", tag("code", each.code.value)), tag("dd", meaning(each.code))) for each in summary.codes)
    return tag("section", tag("h2", "What the findings mean"), tag("dl", *told, class_="meanings"))


def _section(title: str, what: str, caption: str, head: str, rows: Sequence[Markup], total: int) -> Markup:
    if not rows:
        return tag("section", tag("h2", title), tag("p", "Nothing to show."))
    columns = [tag("th", name, scope="col", class_=kind) for name, kind in _COLUMNS]
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", tag("th", head, scope="col"), *columns)),
        tag("tbody", *rows),
        class_=what,
    )
    scrolled = tag("div", table, class_="scroll", role="region", aria_label=title, tabindex=0)
    return tag("section", tag("h2", title), scrolled, cut_note(total - len(rows), what))


_COLUMNS = (
    ("Denied today", "amount"),
    ("Once enforced", "amount"),
    ("Not checked", "amount"),
    ("Pass", "amount"),
    ("Share", "share"),
    ("Mostly for", "codes"),
)


def _row(group: Group, name: Part) -> Markup:
    amounts = [_amount(kind, count.pods) for kind, count in by_kind(group.counts)]
    codes = joined((tag("code", each.code.value) for each in group.codes[:CODES]), ", ")
    more = f" and {len(group.codes) - CODES} more" if len(group.codes) > CODES else ""
    return tag(
        "tr",
        tag("th", name, scope="row"),
        *amounts,
        tag("td", bar(group.counts), class_="share"),
        tag("td", codes, more, class_="codes"),
    )


def _amount(kind: str, pods: int) -> Markup:
    return tag("td", pods, class_=f"amount {kind}" if pods else "amount none")


def _policy(policy: ByPolicy) -> Markup:
    if not policy.name:
        return markup("no policy")
    mode = tag("span", policy.mode.value, class_="mode") if policy.mode else markup()
    return markup(tag("code", policy.name), " ", mode)


def _image(image: ByImage) -> Markup:
    """The digest is shortened: the whole one stands with the workloads."""
    name, at, digest = image.name.partition("@")
    reference = tag("code", name, *([Markup("<wbr>@"), shortened(digest)] if at else ()))
    if not image.verified:
        return reference
    signers = joined((text(each, SIGNER_CHARACTERS) for each in image.signers[:CODES]), ", ")
    return markup(reference, " ", tag("span", "signed", SEPARATOR, signers, class_="mode"))
