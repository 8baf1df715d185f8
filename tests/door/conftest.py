"""What the door's tests need before the first of them is watched for leaks."""

from __future__ import annotations

import pytest
import uvloop


@pytest.fixture(scope="session", autouse=True)
def _libuv_signal_pipe() -> None:
    """libuv opens one pipe per process with its first loop, and keeps it: no leak of the test that comes first."""
    uvloop.new_event_loop().close()
