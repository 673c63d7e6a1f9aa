"""Databases for tests: `store` runs a test on both engines; `sqlite_store` is quick, for other rooms.

Where CI is set, a skipped test is a failed one: a missing service must not go unseen.
Several processes share the tests (`tests/sharing_out.py`): each has its own Label Studio, and schemas of its
own in one PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import torch
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from annotator.labelstudio.config import build_config
from annotator.store import Image, Project, Store, open_store, sync_images, sync_labels, upgrade

pytest_plugins = ["tests.studio_fixtures", "tests.real_pictures", "tests.sharing_out"]

POSTGRES = os.environ.get("ONETAG_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the `cuda` tests on a machine without a GPU: no CI of ours has one."""
    on_gpu = [item for item in items if item.get_closest_marker("cuda")]
    if not on_gpu:
        return
    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=on_gpu)
        items[:] = [item for item in items if not item.get_closest_marker("cuda")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped in CI."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longreprtext}"
    return report


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share, for what one of them makes for all, behind a lock."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy: a copy takes a millisecond, a migration fifty."""
    file = tmp_path_factory.mktemp("template") / "onetag.db"
    migrated = open_store(f"sqlite:///{file}")
    upgrade(migrated)
    migrated.close()
    return file


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A migrated, empty SQLite store in a file of its own."""
    opened = open_store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'onetag.db')}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of the PostgreSQL server. Without one, tests are skipped; where CI is set, they fail."""
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args={"connect_timeout": 3})
    try:
        engine.connect().close()
    except OperationalError as error:
        message = f"PostgreSQL does not answer at ONETAG_TEST_POSTGRES: {str(error.orig).splitlines()[0]}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    finally:
        engine.dispose()
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """All statements of the migrations, to be sent at once: quicker than migrating each test's schema."""
    statements: list[str] = []
    with _schema(postgres_server) as url:
        migrated = open_store(url)
        event.listen(migrated.engine, "after_cursor_execute", lambda *told: statements.append(told[2]))
        upgrade(migrated)
        migrated.close()
    changing = [
        each for each in statements if each.split()[0] in ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE")
    ]
    assert len(changing) > 10
    return ";".join(changing)


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, engine_name: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that nothing was set up in yet."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with _schema(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def empty_store(empty_url: str) -> Iterator[Store]:
    """A store over a database that nothing was set up in yet."""
    opened = open_store(empty_url)
    yield opened
    opened.close()


@pytest.fixture
def store(request: pytest.FixtureRequest, engine_name: str) -> Iterator[Store]:
    """A migrated, empty store; the test runs once on SQLite and once on PostgreSQL."""
    if engine_name == "sqlite":
        yield request.getfixturevalue("sqlite_store")
        return
    tables = request.getfixturevalue("postgres_tables")
    with _schema(request.getfixturevalue("postgres_server")) as url:
        opened = open_store(url)
        with opened.engine.begin() as connection:
            connection.exec_driver_sql(tables)
        yield opened
        opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on."""
    return str(request.param)


@contextmanager
def _schema(server: str) -> Iterator[str]:
    """The URL of a new schema on the server, dropped at the end: quicker than a database."""
    name = f"onetag_test_{uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        try:
            url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
            yield url.render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()


@pytest.fixture
def connected_project() -> Callable[..., Project]:
    """Builds Label Studio's project 7 on our screen: `connected_project(session, address, labels)`.

    Its images are the tasks 1 to 5.
    """

    def make(session: Session, studio_url: str, labels: Sequence[str]) -> Project:
        config = build_config(list(labels))
        project = Project(studio_url=studio_url, studio_project=7, title="Pets", label_config=config)
        session.add(project)
        session.flush()
        sync_labels(session, project, labels)
        session.add_all(
            Image(project_id=project.id, studio_task=task, uri=f"/data/{task}.png") for task in range(1, 6)
        )
        return project

    return make


@pytest.fixture
def make_project() -> Callable[..., Project]:
    """Builds a project with labels and images: `make_project(session, "cat, dog", images=3)`.

    The images are tasks 101, 102, ... of Label Studio's project 7.
    """

    def make(
        session: Session, labels: str = "cat, dog, tree", images: int = 3, title: str = "Pets"
    ) -> Project:
        project = Project(
            title=title, label_config="<View/>", studio_url=f"http://{title}.test", studio_project=7
        )
        session.add(project)
        session.flush()
        sync_labels(session, project, labels.split(", "))
        sync_images(session, project.id, {100 + n: f"/data/upload/7/{n}.jpg" for n in range(1, images + 1)})
        return project

    return make
