import pytest

from tests.checks.valid import ABSENT, found_by
from webhook.checks import service_account_token
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(service_account_token.check)

FIELD = "spec.automountServiceAccountToken"


@pytest.mark.parametrize(("value", "what"), [(True, "true"), (None, "not set"), (ABSENT, "not set")])
def test_wants_the_pod_to_refuse_the_token_itself(value: object, what: str) -> None:
    assert found({FIELD: value}) == [
        Violation(
            code=Code.SERVICE_ACCOUNT_TOKEN_MOUNTED,
            path=FIELD,
            message=f"automountServiceAccountToken is {what}, expected false",
            fix=f"set {FIELD}: false",
        )
    ]


def test_is_content_with_false() -> None:
    assert found({FIELD: False}) == []


def test_leaves_the_pod_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    assert found({**nobody, FIELD: True}) == []
