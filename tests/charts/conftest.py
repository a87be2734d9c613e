"""Both helms, built when the first test asks for one."""

from pathlib import Path

import pytest

from tests.system.tools import tool


@pytest.fixture(scope="session")
def helm() -> Path:
    """Helm 4."""
    return tool("helm4")


@pytest.fixture(scope="session")
def helm3() -> Path:
    """The helm before."""
    return tool("helm3")


@pytest.fixture(scope="session", params=["helm3", "helm4"])
def each_helm(request: pytest.FixtureRequest) -> Path:
    """Both, one after the other."""
    return tool(request.param)
