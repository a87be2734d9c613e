import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import dropped_capabilities
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(dropped_capabilities.check)
two_names = found_by(dropped_capabilities.check, ContainerRules(drop_capabilities=("NET_RAW", "SYS_ADMIN")))

APP = "spec.containers[0].securityContext"
DROP = f"{APP}.capabilities.drop"


def kept(value: str, missing: str = "[ALL]", expected: str = "[ALL]", at: str = APP, name: str = "app") -> Violation:
    return Violation(
        code=Code.CAPABILITIES_NOT_DROPPED,
        path=f"{at}.capabilities.drop",
        container=name,
        message=f"capabilities.drop is {value}, expected {missing} in it",
        fix=f"set {at}.capabilities.drop: {expected}",
    )


def privileged(at: str = APP, name: str = "app") -> Violation:
    return Violation(
        code=Code.CAPABILITIES_NOT_DROPPED,
        path=f"{at}.privileged",
        container=name,
        message="privileged is true, which keeps every capability, expected false",
        fix=f"set {at}.privileged: false",
    )


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({}, [], id="all dropped"),
        pytest.param({DROP: ["NET_RAW", "ALL"]}, [], id="all and another dropped"),
        pytest.param({DROP: ABSENT}, [kept("not set")], id="absent"),
        pytest.param({DROP: None}, [kept("not set")], id="null"),
        pytest.param({DROP: []}, [kept("[]")], id="empty"),
        pytest.param({f"{APP}.capabilities": ABSENT}, [kept("not set")], id="no capabilities"),
        pytest.param({f"{APP}.capabilities": None}, [kept("not set")], id="null capabilities"),
        pytest.param({APP: ABSENT}, [kept("not set")], id="no context"),
        pytest.param({APP: None}, [kept("not set")], id="a null context"),
        pytest.param({DROP: ["all"]}, [kept("[all]")], id="lower case"),
        pytest.param({DROP: ["CAP_ALL"]}, [kept("[CAP_ALL]")], id="with a prefix"),
        pytest.param({DROP: ["ALL\n"]}, [kept("['ALL\\n']")], id="with a newline"),
        pytest.param({DROP: [" ALL"]}, [kept("[' ALL']")], id="with a space"),
        pytest.param({DROP: ["\uff21LL"]}, [kept("['\\uff21LL']")], id="full-width letters"),
        pytest.param({DROP: ["NET_RAW", "CHOWN"]}, [kept("[NET_RAW, CHOWN]")], id="single ones are not all"),
        pytest.param({f"{APP}.capabilities.add": ["ALL"]}, [], id="what is added is another check's business"),
        pytest.param({f"{APP}.privileged": True}, [privileged()], id="privileged keeps what it drops"),
        pytest.param({f"{APP}.privileged": None}, [], id="null is not privileged"),
        pytest.param({f"{APP}.privileged": True, DROP: []}, [privileged(), kept("[]")], id="both fields"),
        pytest.param({f"{APP}.privileged": True, DROP: [], "spec.os": {"name": "windows"}}, [], id="not on Windows"),
        pytest.param({DROP: [], "spec.os": {"name": "WINDOWS"}}, [kept("[]")], id="Windows in another spelling"),
        pytest.param({DROP: [], "spec.os": {"name": "linux"}}, [kept("[]")], id="Linux, named"),
        pytest.param({DROP: [], "spec.os": {}}, [kept("[]")], id="an operating system without a name"),
    ],
)
def test_wants_all_dropped_where_the_policy_says_all(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


@pytest.mark.parametrize(
    ("drop", "violations"),
    [
        pytest.param(["ALL"], [], id="ALL covers every name"),
        pytest.param(["SYS_ADMIN", "CHOWN", "NET_RAW"], [], id="both names, in any order"),
        pytest.param(["NET_RAW"], [kept("[NET_RAW]", "[SYS_ADMIN]", "[NET_RAW, SYS_ADMIN]")], id="one is missing"),
        pytest.param(
            ["net_raw", "CAP_SYS_ADMIN"],
            [kept("[net_raw, CAP_SYS_ADMIN]", "[NET_RAW, SYS_ADMIN]", "[NET_RAW, SYS_ADMIN]")],
            id="names are compared exactly",
        ),
        pytest.param(["all"], [kept("[all]", "[NET_RAW, SYS_ADMIN]", "[NET_RAW, SYS_ADMIN]")], id="all is not ALL"),
    ],
)
def test_wants_each_name_dropped_that_the_policy_names(drop: list[str], violations: list[Violation]) -> None:
    assert two_names({DROP: drop}) == violations


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    at = f"{place}.securityContext"
    tweaks = {f"{at}.privileged": True, f"{at}.capabilities.drop": []}
    assert found(tweaks) == [privileged(at, name), kept("[]", at=at, name=name)]


def test_shows_no_more_than_five_of_the_names_found() -> None:
    names = [f"CAPABILITY_{number}" for number in range(1_000)]
    shown = "[CAPABILITY_0, CAPABILITY_1, CAPABILITY_2, CAPABILITY_3, CAPABILITY_4 and 995 more]"
    assert found({DROP: names}) == [kept(shown)]
