"""What the tests of views share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def own_heap() -> Iterator[None]:
    """For what is timed: the garbage collector does not go through what thousands of earlier tests left in memory."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
