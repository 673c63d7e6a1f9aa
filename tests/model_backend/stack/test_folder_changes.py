"""What happened to a folder since its pictures were imported, told by what the files hold."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from annotator.store.images import Content, KnownImage
from model_backend.stack import local_files
from model_backend.stack.folder_changes import FolderChanges, compare

NOTHING = FolderChanges({}, (), (), (), ())


def held(files: Mapping[str, str]) -> dict[str, Content]:
    """Files with their contents, each told by its name."""
    return {file: Content(digest, "stamp") for file, digest in files.items()}


def image(task: int, uri: str, digest: str | None) -> KnownImage:
    return KnownImage(task, uri, digest, whole=digest is not None)


def changes(
    now: Mapping[str, str],
    tasks: Mapping[int, str],
    digests: Mapping[int, str | None],
    *,
    name: str = "photos",
    elsewhere: tuple[str, ...] = (),
    removed: tuple[KnownImage, ...] = (),
) -> FolderChanges:
    uris = {task: local_files.uri(*file.split("/", 1)) for task, file in tasks.items()}
    images = [image(task, uris[task], digest) for task, digest in digests.items()] + [*removed]
    there = {f"{name}/{file}" for file in now} | set(elsewhere)
    return compare(name, held(now), uris, images, there.__contains__)


def test_at_first_everything_is_new() -> None:
    assert changes({"b.jpg": "B", "a.jpg": "A"}, {}, {}).added == ("a.jpg", "b.jpg")


def test_nothing_happened() -> None:
    same = changes({"a.jpg": "A"}, {1: "photos/a.jpg"}, {1: "A"})
    assert same == NOTHING
    assert changes({"a.jpg": "A"}, {1: "photos/a.jpg"}, {1: None}) == NOTHING, "what it held is not known"
    assert changes({"a.jpg": "A"}, {1: "photos/a.jpg"}, {}) == NOTHING, "killed before it was recorded"


def test_a_renamed_folder_keeps_its_tasks() -> None:
    moved = changes(
        {"a.jpg": "A", "deep/b.jpg": "B", "c.jpg": "C"},
        {1: "photos/a.jpg", 2: "photos/deep/b.jpg"},
        {1: "A", 2: "B"},
        name="pictures",
    )
    assert moved == FolderChanges({1: "a.jpg", 2: "deep/b.jpg"}, ("c.jpg",), (), (), ())


def test_renamed_files_too_also_when_two_change_places() -> None:
    moved = changes({"new.jpg": "A"}, {1: "photos/old.jpg"}, {1: "A"})
    assert moved.moved == {1: "new.jpg"}
    swapped = changes({"a.jpg": "B", "b.jpg": "A"}, {1: "photos/a.jpg", 2: "photos/b.jpg"}, {1: "A", 2: "B"})
    assert swapped == FolderChanges({}, (), ("a.jpg", "b.jpg"), (), ()), "their tasks show what lies there"


def test_of_what_was_never_read_the_name_tells() -> None:
    moved = changes({"deep/a.jpg": "A"}, {1: "photos/deep/a.jpg"}, {1: None}, name="pictures")
    assert moved.moved == {1: "deep/a.jpg"}


def test_a_file_that_is_gone_is_told_and_not_given_to_another_picture() -> None:
    gone = changes({"b.jpg": "B"}, {1: "photos/a.jpg"}, {1: "A"})
    assert gone == FolderChanges({}, ("b.jpg",), (), ("photos/a.jpg",), ())


def test_an_overwritten_file_is_told() -> None:
    assert changes({"a.jpg": "X"}, {1: "photos/a.jpg"}, {1: "A"}).changed == ("a.jpg",)


def test_a_folder_beside_it_is_left_alone() -> None:
    beside = changes({"a.jpg": "A"}, {1: "others/a.jpg"}, {1: "A"}, elsewhere=("others/a.jpg",))
    assert beside == FolderChanges({}, ("a.jpg",), (), (), ())


def test_what_was_deleted_in_label_studio_stays_out_under_any_name() -> None:
    removed = (
        image(2, local_files.uri("photos", "b.jpg"), "B"),
        image(3, local_files.uri("photos", "c.jpg"), None),
    )
    now = {"a.jpg": "A", "b.jpg": "B", "c.jpg": "C", "d.jpg": "D"}
    found = changes(now, {1: "photos/a.jpg"}, {1: "A"}, removed=removed)
    assert (found.deleted, found.added) == (("b.jpg", "c.jpg"), ("d.jpg",))
    renamed = changes({"a.jpg": "A", "again.jpg": "B"}, {1: "photos/a.jpg"}, {1: "A"}, removed=removed)
    assert (renamed.deleted, renamed.added) == (("again.jpg",), ())


def test_a_project_that_was_begun_anew_takes_everything() -> None:
    removed = (image(1, local_files.uri("photos", "a.jpg"), "A"),)
    assert changes({"a.jpg": "A"}, {}, {}, removed=removed).added == ("a.jpg",)


def test_addresses_that_are_none_of_a_folder_are_passed_over() -> None:
    held_now = held({"a.jpg": "A"})
    tasks = {1: "https://example.net/a.jpg", 2: None, 3: ["/data/a.jpg"], 4: {"a": 1}, 5: ""}
    found = compare("photos", held_now, tasks, [], lambda _file: False)
    assert found == FolderChanges({}, ("a.jpg",), (), (), ())


FILES = st.dictionaries(
    st.sampled_from([f"{n}.jpg" for n in range(6)]), st.sampled_from("ABCDEF"), max_size=6
)


@given(before=FILES, now=FILES, renamed=st.booleans())
def test_no_picture_gets_two_tasks_and_no_task_is_lost(
    before: dict[str, str], now: dict[str, str], renamed: bool
) -> None:
    unique = {file: digest for digest, file in {digest: file for file, digest in now.items()}.items()}
    tasks = {number: f"photos/{file}" for number, file in enumerate(before, 1)}
    digests = dict(enumerate(before.values(), 1))
    name = "pictures" if renamed else "photos"
    found = changes(unique, tasks, digests, name=name)
    here = {file.removeprefix(f"{name}/") for file in tasks.values() if file.startswith(f"{name}/")}
    assert len(set(found.moved.values())) == len(found.moved)
    assert set(found.added) == set(unique) - here - set(found.moved.values())
    for task, file in found.moved.items():
        assert unique[file] == digests[task]
    gone = {file for file in tasks.values() if file not in {f"{name}/{each}" for each in unique}}
    assert {*found.missing, *(tasks[task] for task in found.moved)} == gone
