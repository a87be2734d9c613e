import pytest

from webhook.audit.families import BASELINE, NOT_FOUND_OUT, Severity, family
from webhook.codes import INCONCLUSIVE, Code


@pytest.mark.parametrize("code", Code)
def test_what_is_called_not_found_out_is_what_could_not_be_found_out(code: Code) -> None:
    if family(code) is NOT_FOUND_OUT:
        assert code in INCONCLUSIVE


@pytest.mark.parametrize("code", [code for code in Code if code.value.startswith("POD_SECURITY_")])
def test_every_check_of_pod_security_is_of_its_category(code: Code) -> None:
    assert family(code).title == BASELINE.title


def test_access_to_the_node_is_worse_than_a_missing_limit() -> None:
    assert family(Code.POD_SECURITY_PRIVILEGED).severity is Severity.CRITICAL
    assert family(Code.LIMITS_MISSING).severity is Severity.LOW
