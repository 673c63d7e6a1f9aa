from typing import Any

import pytest


@pytest.fixture
def studio(pretend_studio: Any) -> Any:
    """In this folder, unless a test is marked `studio`, Label Studio only remembers what it was sent."""
    return pretend_studio
