from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.settings import Settings
from annotator.store import Store


@pytest.fixture
def worker_settings(engine_settings: Settings, store: Store) -> Settings:
    """Settings for the store under test: with PostgreSQL the queue is there too."""
    url = store.url.render_as_string(hide_password=False)
    return engine_settings.model_copy(update={"database_url": url, "secret": SecretStr("a shared secret")})


@pytest.fixture
def consuming() -> Iterator[Any]:
    """A function that starts a queue's consumer; all are stopped at the end."""
    running = []

    def start(queue: Any) -> None:
        consumer = queue.consumer()
        consumer.start()
        running.append((consumer, queue))

    yield start
    for consumer, queue in running:
        consumer.stop(graceful=True)
        queue.close()


@pytest.fixture
def studio(pretend_studio: Any) -> Any:
    """In this folder, unless a test is marked `studio`, Label Studio only remembers what it was sent."""
    return pretend_studio
