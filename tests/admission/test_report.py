import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.admission import report
from webhook.codes import Code
from webhook.verdict import ImageResult, Mode, Verdict, Violation

APP = "ghcr.io/acme/app:1.4@sha256:" + "3f" * 32
INIT = "docker.io/library/busybox:latest"

NOT_SIGNED = Violation(
    code=Code.NOT_SIGNED,
    path="spec.containers[0].image",
    container="app",
    image=APP,
    policy="prod-images",
    message="no cosign signature or bundle for this digest",
    fix="cosign sign --key KEY ghcr.io/acme/app@sha256:3f",
)
FOREIGN = Violation(
    code=Code.REGISTRY_NOT_ALLOWED,
    path="spec.initContainers[0].image",
    container="init",
    image=INIT,
    policy="prod-images",
    message="allowed here: ghcr.io/acme/*",
)
ROOT = Violation(
    code=Code.RUN_AS_NON_ROOT,
    path="spec.containers[0].securityContext.runAsNonRoot",
    container="app",
    policy="hardening",
    message="may run as root",
    fix="set spec.containers[0].securityContext.runAsNonRoot: true",
)
POD_ROOT = Violation(
    code=Code.RUN_AS_NON_ROOT, path="spec.securityContext.runAsUser", policy="hardening", message="0 is root"
)


def image(path: str, container: str) -> ImageResult:
    return ImageResult(path=path, container=container, reference="x")


IMAGES = (
    image("spec.initContainers[0].image", "init"),
    image("spec.containers[0].image", "app"),
    image("spec.containers[1].image", "proxy"),
)


def test_the_whole_message() -> None:
    verdict = Verdict(violations=(NOT_SIGNED, FOREIGN), images=IMAGES)
    assert report.message(verdict, "7c1e9a02") == "\n".join(
        [
            '2 of 3 images denied by policy "prod-images": app: NOT_SIGNED, init: REGISTRY_NOT_ALLOWED',
            f'  spec.containers[0] "app"  {APP}',
            "    NOT_SIGNED: no cosign signature or bundle for this digest",
            "    fix: cosign sign --key KEY ghcr.io/acme/app@sha256:3f",
            f'  spec.initContainers[0] "init"  {INIT}',
            "    REGISTRY_NOT_ALLOWED: allowed here: ghcr.io/acme/*",
            "request: 7c1e9a02",
        ]
    )


@pytest.mark.parametrize(
    ("violations", "expected"),
    [
        pytest.param(
            (NOT_SIGNED,),
            '1 of 3 images denied by policy "prod-images": app: NOT_SIGNED'
            " (no cosign signature or bundle for this digest)",
            id="one finding says what was found",
        ),
        pytest.param(
            (ROOT, NOT_SIGNED),
            '1 of 3 containers denied by policies "hardening", "prod-images": app: RUN_AS_NON_ROOT + NOT_SIGNED',
            id="one container, two policies",
        ),
        pytest.param(
            (POD_ROOT,),
            'denied by policy "hardening": spec.securityContext.runAsUser: RUN_AS_NON_ROOT (0 is root)',
            id="a field of the pod",
        ),
        pytest.param(
            (Violation(code=Code.NO_POLICY_MATCHES, path="spec", message="no policy matches namespace prod"),),
            "denied: spec: NO_POLICY_MATCHES (no policy matches namespace prod)",
            id="no policy at all",
        ),
    ],
)
def test_the_first_line_stands_alone(violations: tuple[Violation, ...], expected: str) -> None:
    assert report.summary(Verdict(violations=violations, images=IMAGES)) == expected


def test_only_what_denies_is_in_the_message() -> None:
    warned = Violation(code=Code.TAG_NOT_PINNED, path="spec.containers[0].image", message="m", mode=Mode.WARN)
    recorded = Violation(code=Code.IMAGE_UNMATCHED, path="spec.containers[0].image", message="m", mode=Mode.AUDIT)
    text = report.message(Verdict(violations=(NOT_SIGNED, warned, recorded), images=IMAGES), "u")
    assert "NOT_SIGNED" in text
    assert "TAG_NOT_PINNED" not in text
    assert "IMAGE_UNMATCHED" not in text


def test_what_does_not_fit_is_counted() -> None:
    violations = tuple(
        Violation(
            code=Code.NOT_SIGNED,
            path=f"spec.containers[{index}].image",
            container=f"container-{index}",
            message="no cosign signature or bundle for this digest",
            policy="p",
        )
        for index in range(200)
    )
    text = report.message(Verdict(violations=violations), "u" * 36)
    assert len(text) <= report.MESSAGE_BYTES
    told = text.count("    NOT_SIGNED: ")
    assert told > 0
    assert f"and {200 - told} more" in text
    assert text.endswith("request: " + "u" * 36)


@given(
    st.lists(
        st.builds(
            Violation,
            code=st.sampled_from(Code),
            path=st.text(max_size=80),
            container=st.text(max_size=80),
            message=st.text(max_size=400),
            fix=st.text(max_size=200),
            image=st.text(max_size=300),
            policy=st.text(max_size=60),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_message_is_bounded_printable_ascii_whatever_is_in_it(violations: list[Violation]) -> None:
    verdict = Verdict(violations=tuple(violations))
    text = report.message(verdict, "\u202euid\n")
    assert len(text.encode()) <= report.MESSAGE_BYTES
    assert text.replace("\n", "").isprintable()
    assert text.isascii()
    assert text.splitlines()[0]


def test_a_warning_is_one_line_without_control_characters() -> None:
    violation = Violation(
        code=Code.REFERENCE_INVALID,
        path="spec.containers[0].image",
        message="found 'nginx\n\x1b[2K\u202e'",
        policy="p",
        mode=Mode.WARN,
        fix="name it",
    )
    assert list(report.warnings(Verdict(violations=(violation,)))) == [
        "[p] spec.containers[0].image: REFERENCE_INVALID: found 'nginx\\n\\x1b[2K\\u202e'; fix: name it"
    ]


def test_warnings_are_bounded_in_number_and_length() -> None:
    violations = tuple(Violation(code=Code.NOT_SIGNED, path="p" * 500, message="m", mode=Mode.WARN) for _ in range(20))
    lines = list(report.warnings(Verdict(violations=violations)))
    assert len(lines) == report.MAX_WARNINGS + 1
    assert lines[-1] == "and 5 more findings"
    assert max(map(len, lines)) == report.WARNING_CHARACTERS
    assert sum(map(len, lines)) <= 4096


def test_warnings_that_fit_are_shown_in_full() -> None:
    violations = tuple(Violation(code=Code.NOT_SIGNED, path="p" * 500, message="m", mode=Mode.WARN) for _ in range(7))
    lines = list(report.warnings(Verdict(violations=violations)))
    assert [len(line) for line in lines] == [len("p" * 500 + ": NOT_SIGNED: m")] * 7


def test_a_lone_surrogate_is_shown_and_breaks_nothing() -> None:
    assert report.plain("a\ud800b") == "a\\ud800b"


def test_reasons_and_names_are_bounded() -> None:
    assert report.reasons([NOT_SIGNED, ROOT]) == (
        "spec.containers[0].image: NOT_SIGNED; spec.containers[0].securityContext.runAsNonRoot: RUN_AS_NON_ROOT"
    )
    assert len(report.names(["n" * 600, "m" * 600])) == report.ANNOTATION_CHARACTERS


def test_the_first_finding_of_each_place_is_told_before_any_second_one() -> None:
    def found(container: int, number: int) -> Violation:
        path = f"spec.containers[{container}].ports[{number}].hostPort"
        return Violation(code=Code.HOST_PORT_NOT_ALLOWED, path=path, container=f"c{container}", message="m" * 80)

    violations = (*(found(0, number) for number in range(20)), found(1, 0), found(2, 0))
    lines = report.message(Verdict(violations=violations), "7c1e9a02").splitlines()
    headers = [line for line in lines if line.startswith("  spec.")]
    assert headers == [f'  spec.containers[{number}] "c{number}"' for number in range(3)]
    told = sum(line.startswith("    HOST_PORT_NOT_ALLOWED: ") for line in lines)
    assert 3 < told < 22
    assert f"and {22 - told} more" in lines
