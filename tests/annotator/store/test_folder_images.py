"""Projects of a folder: one a folder, its images the files that are there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.store import (
    Image,
    ImageChanges,
    Store,
    folder_project,
    get_or_create_folder_project,
    sync_folder_images,
)
from annotator.store.paths import MOST_BYTES
from annotator.store.types import utc_now

BEFORE, AFTER = utc_now() - timedelta(days=1), utc_now() + timedelta(days=1)


def test_a_folder_has_one_project(store: Store, tmp_path: Path) -> None:
    with store.session() as session:
        assert folder_project(session, tmp_path) is None
        made = get_or_create_folder_project(session, tmp_path, "photos", "<View/>")
        assert (made.title, made.studio_url, made.studio_project) == ("photos", None, None)
        assert get_or_create_folder_project(session, tmp_path / "x" / "..", "other", "") is made
        assert folder_project(session, tmp_path) is made


def test_the_longest_path_is_found_again_and_a_longer_one_refused(store: Store, tmp_path: Path) -> None:
    deep = tmp_path.resolve()
    while len(str(deep)) < MOST_BYTES - 200:
        deep /= token_hex(50)  # nothing that an index could compress
    deep /= token_hex(100)[: MOST_BYTES - len(str(deep)) - 1]
    with store.session() as session:
        made = get_or_create_folder_project(session, deep, "photos", "<View/>")
        assert folder_project(session, deep) is made
        with pytest.raises(OnetagError, match="2,601 bytes"):
            get_or_create_folder_project(session, deep.with_name(f"{deep.name}x"), "photos", "<View/>")


def test_images_follow_the_files(store: Store, tmp_path: Path) -> None:
    with store.session() as session:
        project = get_or_create_folder_project(session, tmp_path, "photos", "<View/>")
        files = {"a.jpg": BEFORE, "b/c.jpg": BEFORE}
        assert sync_folder_images(session, project.id, files) == ImageChanges(added=2)
        assert not sync_folder_images(session, project.id, files)
        assert sync_folder_images(session, project.id, {"a.jpg": BEFORE}) == ImageChanges(removed=1)
        assert sync_folder_images(session, project.id, files) == ImageChanges(restored=1)
        images = session.scalars(select(Image).order_by(Image.uri)).all()
    assert [(each.uri, each.studio_task, each.removed_at) for each in images] == [
        ("a.jpg", None, None),
        ("b/c.jpg", None, None),
    ]


def test_of_a_file_that_was_changed_nothing_of_its_bytes_is_known(store: Store, tmp_path: Path) -> None:
    with store.session() as session:
        project = get_or_create_folder_project(session, tmp_path, "photos", "<View/>")
        sync_folder_images(session, project.id, {"a.jpg": BEFORE, "b.jpg": BEFORE})
        for image in session.scalars(select(Image)):
            image.digest, image.width, image.problem = "d", 3, "damaged"
        session.flush()
        found = sync_folder_images(session, project.id, {"a.jpg": AFTER, "b.jpg": BEFORE})
        assert found == ImageChanges(changed=1)
        session.expire_all()
        rows = session.execute(select(Image.digest, Image.width, Image.problem).order_by(Image.uri)).all()
    assert [tuple(row) for row in rows] == [(None, None, None), ("d", 3, "damaged")]
