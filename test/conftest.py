"""For all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# The machine may be busy; and what a test tries depends on the code alone, so that a run says
# something of the change that it is for. GANETI_TESTS=random looks for other examples.
settings.register_profile(
    "ganeti",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("GANETI_TESTS") != "random",
)
settings.load_profile("ganeti")


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules are there now, and stay: no collection looks at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a folder of our own: trial's mktemp makes its folders where we are."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)
