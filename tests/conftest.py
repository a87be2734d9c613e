"""For all tests: a real component that cannot be had skips the tests that need it; in CI it fails them."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

from tests.system.tools import ToolMissing

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@contextmanager
def _skipped_where_a_tool_is_missing() -> Iterator[None]:
    """Nobody looks at what a CI job skipped."""
    try:
        yield
    except ToolMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with _skipped_where_a_tool_is_missing():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with _skipped_where_a_tool_is_missing():
        return (yield)
