"""For all tests."""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from support.thorough import examples

# The machine may be busy; and what a test tries depends on the code alone, so that a run says
# something of the change that it is for. GANETI_TESTS=random looks for other examples.
settings.register_profile(
    "ganeti",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("GANETI_TESTS") != "random",
    max_examples=examples(100),
)
settings.load_profile("ganeti")


# pytest asks before each test which Twisted this is, and reads all its metadata for it.
importlib.metadata.version = functools.cache(importlib.metadata.version)


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules are there now, and stay: no collection looks at them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000)
    trial = sys.modules.get("twisted.trial._synctest")
    if trial is not None:
        # Before each test it goes through all modules, that each may warn again. They may:
        # Python forgets who has warned whenever filters change, and they do in each test.
        trial._setWarningRegistryToNone = lambda _modules: None


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a folder of our own: trial's mktemp makes its folders where we are."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)
