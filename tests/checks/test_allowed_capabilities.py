import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import allowed_capabilities
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(allowed_capabilities.check)
none_allowed = found_by(allowed_capabilities.check, ContainerRules(allow_added_capabilities=()))
two_allowed = found_by(
    allowed_capabilities.check, ContainerRules(allow_added_capabilities=("NET_BIND_SERVICE", "KILL"))
)

APP = "spec.containers[0].securityContext"
ADD = f"{APP}.capabilities.add"


def added(
    names: str, expected: str = "none but [NET_BIND_SERVICE]", keep: str = "[]", at: str = APP, name: str = "app"
) -> Violation:
    return Violation(
        code=Code.CAPABILITY_NOT_ALLOWED,
        path=f"{at}.capabilities.add",
        container=name,
        message=f"capabilities.add names {names}, expected {expected}",
        fix=f"set {at}.capabilities.add: {keep}",
    )


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({}, [], id="the one that is allowed"),
        pytest.param({ADD: ["NET_BIND_SERVICE", "NET_BIND_SERVICE"]}, [], id="twice"),
        pytest.param({ADD: ABSENT}, [], id="absent"),
        pytest.param({ADD: None}, [], id="null"),
        pytest.param({ADD: []}, [], id="empty"),
        pytest.param({f"{APP}.capabilities": None}, [], id="null capabilities"),
        pytest.param({APP: None}, [], id="a null context"),
        pytest.param({ADD: ["CHOWN"]}, [added("[CHOWN]")], id="another"),
        pytest.param(
            {ADD: ["CHOWN", "NET_BIND_SERVICE", "CHOWN", "KILL"]},
            [added("[CHOWN, KILL]", keep="[NET_BIND_SERVICE]")],
            id="the offenders are named once, the fix keeps the others",
        ),
        pytest.param({ADD: ["ALL"]}, [added("[ALL]")], id="all"),
        pytest.param({ADD: ["net_bind_service"]}, [added("[net_bind_service]")], id="lower case"),
        pytest.param({ADD: ["CAP_NET_BIND_SERVICE"]}, [added("[CAP_NET_BIND_SERVICE]")], id="with a prefix"),
        pytest.param({ADD: ["NET_BIND_SERVICE\n"]}, [added("['NET_BIND_SERVICE\\n']")], id="with a newline"),
        pytest.param({ADD: ["NET_BIND_\u017fERVICE"]}, [added("['NET_BIND_\\u017fERVICE']")], id="a long s"),
        pytest.param({ADD: [""]}, [added("['']")], id="without a name"),
        pytest.param({f"{APP}.privileged": True}, [], id="privileged is another check's business"),
        pytest.param(
            {ADD: ["CHOWN"], f"{APP}.capabilities.drop": ["CHOWN"]}, [added("[CHOWN]")], id="dropped and added"
        ),
        pytest.param({ADD: ["CHOWN"], "spec.os": {"name": "windows"}}, [], id="not on Windows"),
        pytest.param({ADD: ["CHOWN"], "spec.os": {"name": "Windows"}}, [added("[CHOWN]")], id="another spelling"),
    ],
)
def test_allows_what_the_policy_names_and_nothing_else(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


def test_allows_no_addition_where_the_list_is_empty() -> None:
    assert none_allowed({}) == [
        added("[NET_BIND_SERVICE]", "none", at=f"{place}.securityContext", name=name) for place, name in PLACES.items()
    ]


def test_does_not_fold_the_kelvin_sign_into_a_k() -> None:
    kelvin = added("['\\u212aILL']", "none but [NET_BIND_SERVICE, KILL]", "[KILL]")
    assert two_allowed({ADD: ["KILL", "\u212aILL"]}) == [kelvin]


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    at = f"{place}.securityContext"
    assert found({f"{at}.capabilities.add": ["SYS_ADMIN"]}) == [added("[SYS_ADMIN]", at=at, name=name)]


def test_a_hostile_name_reaches_the_message_as_short_ascii() -> None:
    hostile = "\x1b[2J\u202e" + "\U0001f600" * 100_000
    violations = found({ADD: [hostile, *(f"X{number}" for number in range(9))]})
    assert violations == [added("['\\x1b[2J\\u202e\\U0001f600\\U0001f6..., X0, X1, X2, X3 and 5 more]")]
