"""Both helms, built when the first test asks for one."""

from pathlib import Path

import pytest

from tests.system.tools import ToolMissing, tool


def _helm(name: str) -> Path:
    try:
        return tool(name)
    except ToolMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def helm() -> Path:
    """Helm 4."""
    return _helm("helm4")


@pytest.fixture(scope="session")
def helm3() -> Path:
    """The helm before."""
    return _helm("helm3")


@pytest.fixture(scope="session", params=["helm3", "helm4"])
def each_helm(request: pytest.FixtureRequest) -> Path:
    """Both, one after the other."""
    return _helm(request.param)
