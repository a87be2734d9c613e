import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.audit.found import audited, finding, scan, subject
from webhook.audit.page import page
from webhook.audit.page_style import STYLE
from webhook.audit.results import Audited, Scan, Subject
from webhook.audit.summary import summarize
from webhook.codes import Code
from webhook.verdict import ImageResult, Mode

HOSTILE = "</code><script src=//evil.example>alert('1')</script>\u202e\x1b[31m\x00\"'><img onerror=x>&lt;\ud800"
DENIED = finding()
LATER = finding(mode=Mode.AUDIT)
UNKNOWN = finding(Code.REGISTRY_UNAVAILABLE)


class Skeleton(HTMLParser):
    """The tags of a document with the names of their attributes, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.values: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment",))


def shown(found: Scan) -> str:
    return page(found, summarize(found))


def text_of(found: Scan) -> str:
    return Skeleton(shown(found)).text


def all_of(text: str) -> Scan:
    """A scan in which everything that a stranger may have written is this text."""
    fields: dict[str, Any] = dict.fromkeys(("path", "message", "fix", "container", "image", "entry", "policy"), text)
    findings = [finding(mode=mode, **fields) for mode in Mode]
    found = Audited(
        subject=Subject(text, text, text, text, text),
        findings=tuple(findings),
        would_deny=(findings[-1],),
        exempted=(finding(exemption=text, **fields),),
        policies=(text,),
        images=(ImageResult(path=text, container=text, reference=text, digest=None, verified=True, signers=(text,)),),
    )
    return scan(found, fault=text, notes=(text,), generation=text)


@given(st.text(st.characters(exclude_characters="@"), min_size=1, max_size=400))
@example(HOSTILE)
@example("</style><script>")
@example("x" * 5000)
def test_no_tag_and_no_attribute_comes_from_what_strangers_wrote(text: str) -> None:
    hostile, harmless = Skeleton(shown(all_of(text))), Skeleton(shown(all_of("x")))
    assert hostile.tags == harmless.tags
    assert hostile.values == harmless.values


@given(st.text(max_size=100))
@example(HOSTILE)
def test_a_page_is_printable_ascii_whatever_it_shows(text: str) -> None:
    document = shown(all_of(text or "x"))
    assert document.isascii()
    assert document.replace("\n", "").isprintable()


def test_what_strangers_wrote_is_shown_as_escapes() -> None:
    assert "<script src=//evil.example>alert('1')</script>\\u202e\\x1b[31m\\x00" in text_of(all_of(HOSTILE))


def test_a_page_may_load_and_run_nothing_but_its_own_style() -> None:
    document = shown(scan(audited(DENIED)))
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)
    assert style is not None
    hashed = b64encode(sha256(style[1].encode()).digest()).decode()
    assert (
        f"content=\"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'\"" in document
    )
    assert not re.search(r"<(script|link|img|iframe|base|form)\b|\b(href|src|style|on\w+)=|url\(|@import", document)


@pytest.mark.parametrize(
    ("found", "headline"),
    [
        (scan(), "No pods run here"),
        (scan(fault="the API server could not be asked"), "Nothing could be judged"),
        (scan(audited(pods=3)), "Every pod passes"),
        (scan(audited(pods=3), fault="x"), "Every pod that was looked at passes"),
        (scan(audited(policies=())), "No policy judges these pods"),
        (
            scan(audited(DENIED, pods=2), audited(LATER, name="api"), audited(name="db")),
            "2 of 4 pods would be denied today",
        ),
        (scan(audited(LATER), audited(UNKNOWN, name="b")), "1 of 2 pods would be denied once Audit policies enforce"),
        (scan(audited(UNKNOWN)), "1 of 1 pod could not be checked"),
        (scan(audited(DENIED, pods=1200)), "1,200 of 1,200 pods would be denied today"),
    ],
)
def test_the_headline_says_the_worst(found: Scan, headline: str) -> None:
    assert f"<h1>{headline}</h1>" in shown(found)


def test_the_figures_are_disjoint_and_told_with_their_sum() -> None:
    workloads = (audited(DENIED, pods=2), audited(LATER, name="b", pods=3), audited(UNKNOWN, name="c", pods=4))
    text = text_of(scan(*workloads, audited(name="d", pods=5)))
    assert "Denied today2pods of 1 workload" in text
    assert "Denied once enforced3pods of 1 workload" in text
    assert "With those of today: 5." in text
    assert "Not checked4pods of 1 workload" in text
    assert "Pass5pods of 1 workload" in text


def test_an_incomplete_scan_says_so_before_any_figure() -> None:
    text = text_of(scan(audited(DENIED), fault="namespace dev could not be listed"))
    assert text.index("This audit is incomplete: namespace dev could not be listed") < text.index("Denied today")


def test_each_step_says_what_to_do_for_whom_and_what_it_gains() -> None:
    text = text_of(scan(audited(DENIED, pods=2), audited(DENIED, LATER, name="api")))
    step = text[text.index("What to do first") : text.index("By policy")]
    assert "cosign sign it" in step
    assert "denied today" in step
    assert "concerns 3 pods of 2 workloads, and is all that 3 pods need" in step
    assert "For instance Deployment/prod/web; in prod" in step


def test_what_no_policy_found_is_told_by_the_meaning_of_its_code() -> None:
    text = text_of(scan(audited(finding(Code.NO_POLICY_MATCHES, policy="", image="", fix=""), policies=())))
    assert "No Enforce or Warn policy speaks about this pod." in text[text.index("What to do first") :]
    assert "no policy" in text[text.index("By policy") : text.index("By namespace")]


def test_what_only_warns_or_could_not_be_checked_is_told_apart() -> None:
    text = text_of(scan(audited(finding(mode=Mode.WARN)), audited(UNKNOWN, name="api")))
    assert "warned about Deployment/prod/web" in text
    assert "not checked Deployment/prod/api" in text


def test_a_workload_is_told_with_its_findings_fixes_and_exemptions() -> None:
    accepted = finding(Code.LIMITS_MISSING, exemption="until January")
    text = text_of(scan(audited(DENIED, exempted=(accepted,))))
    workload = text[text.index("Workloads") :]
    assert "denied today Deployment/prod/web 1 pod" in workload
    assert "NOT_SIGNED \u00b7 denies today \u00b7 policy production" in workload
    assert "Fix: cosign sign it" in workload
    assert "LIMITS_MISSING \u00b7 accepted by an exemption" in workload
    assert "Accepted for now: until January" in workload


def test_a_large_and_hostile_cluster_makes_a_page_of_bounded_size_that_says_what_it_leaves_out() -> None:
    fields: dict[str, Any] = dict.fromkeys(("path", "message", "fix", "container", "policy"), '"' * 900)
    findings = tuple(finding(code, **fields, image=f"{code}{'&' * 900}") for code in Code)
    names = [f"{number}{'<' * 250}" for number in range(2_000)]
    found = [audited(*findings, subject=subject(name, name), left_out=7, policies=(name,)) for name in names]
    document = shown(scan(*found))
    text = Skeleton(document).text
    assert len(document) < 4 * 2**20
    assert "1,900 more namespaces are left out here." in text
    assert re.search(r"1,\d\d\d more workloads are left out here.", text)
    assert f"{len(Code) - 25 + 7} more findings are left out here." in text


def test_every_table_has_a_caption_and_headers_of_rows_and_columns() -> None:
    image = ImageResult(path=DENIED.path, container="app", reference="registry.example.com/app:1")
    tags = Skeleton(shown(scan(audited(DENIED, images=(image,)), audited(LATER, name="b")))).tags
    names = [tag[0] for tag in tags]
    assert names.count("table") == names.count("caption") == 3
    assert all("scope" in tag for tag in tags if tag[0] == "th")
    assert names.count("th") == 3 * 7 + 1 + 1 + 1


def test_bars_are_hidden_from_those_who_are_read_to() -> None:
    bars = [tag for tag in Skeleton(shown(scan(audited(DENIED)))).tags if tag[0] == "svg"]
    assert bars
    assert all("aria-hidden" in tag for tag in bars)


def test_tags_are_closed_in_order() -> None:
    open_tags: list[str] = []
    for name, *_ in Skeleton(shown(scan(audited(DENIED, exempted=(DENIED,)), audited(LATER, name="b")))).tags:
        if name.startswith("/"):
            assert open_tags.pop() == name[1:]
        elif name not in {"meta", "wbr"}:
            open_tags.append(name)
    assert not open_tags


COLOURS = 10
"""Of a theme. The light one comes first."""


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("behind", ["paper", "sheet", "wash"])
@pytest.mark.parametrize("colour", ["ink", "soft", "denied", "later", "unknown", "clear"])
def test_text_can_be_read_on_what_is_behind_it(theme: int, behind: str, colour: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    colours = re.findall(r"--(\w+): (#[0-9a-f]{6})", STYLE)
    of_theme = dict(colours[theme * COLOURS : (theme + 1) * COLOURS])
    assert _contrast(of_theme[behind], of_theme[colour]) >= 4.5
