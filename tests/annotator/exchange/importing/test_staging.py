"""Laying out what a file says: every way in which entries of one image come together."""

from __future__ import annotations

import pytest

from annotator.exchange.importing import Entry
from annotator.exchange.importing.matching import ImageIndex
from annotator.exchange.importing.staging import Staging, staging
from annotator.store import Claim

LABELS = ("cat", "dog", "tree")


def said(claim: Claim, *entries: Entry) -> tuple[list[int], list[str]]:
    """What is said of image `a`, label by label, and where the entries contradict each other."""
    with staging(str.strip) as staged:
        fill(staged, *entries)
        (found,) = staged.said(claim, range(len(LABELS)))
    contradicted = [LABELS[column] for column in found.contradicted.nonzero()[0]]
    return found.values.tolist(), contradicted


def fill(staged: Staging, *entries: Entry) -> None:
    for label in LABELS:
        staged.label(label)
    for entry in entries:
        staged.add(entry)
    staged.match(ImageIndex(["a", "b"]))


@pytest.mark.parametrize(
    ("entry", "positive", "verified", "complete"),
    [
        (Entry("a", ["cat"]), [1, 0, 0], [1, 0, 0], [1, -1, -1]),
        (Entry("a"), [0, 0, 0], [0, 0, 0], [-1, -1, -1]),
        (Entry("a", ["cat"], ["dog"]), [1, 0, 0], [1, -1, 0], [1, -1, -1]),
        (Entry("a", ["cat"], ["dog"], ["tree"]), [1, 0, 0], [1, -1, 0], [1, -1, 0]),
        (Entry("a", ["cat"], explicit=True), [1, 0, 0], [1, -1, -1], [1, -1, -1]),
        (Entry("a", ["cat"], unknown=["dog"], explicit=True), [1, 0, 0], [1, 0, -1], [1, 0, -1]),
        (Entry("a", ["cat", "cat"], whole=False), [1, 0, 0], [1, 0, 0], [1, -1, -1]),
        (Entry("a", absent=["cat"], whole=False), [0, 0, 0], [-1, 0, 0], [-1, -1, -1]),
    ],
)
def test_one_entry(entry: Entry, positive: list[int], verified: list[int], complete: list[int]) -> None:
    assert said(Claim.POSITIVE, entry) == (positive, [])
    assert said(Claim.SINGLE, entry) == (positive, [])
    assert said(Claim.VERIFIED, entry) == (verified, [])
    assert said(Claim.COMPLETE, entry) == (complete, [])


@pytest.mark.parametrize(
    ("claim", "entries", "values", "contradicted"),
    [
        (Claim.POSITIVE, [Entry("a", ["cat"]), Entry("a", ["dog"])], [1, 1, 0], []),
        (Claim.COMPLETE, [Entry("a", ["cat"]), Entry("a", ["dog"])], [0, 0, -1], ["cat", "dog"]),
        (Claim.COMPLETE, [Entry("a", ["cat"]), Entry("a", ["cat"])], [1, -1, -1], []),
        (Claim.VERIFIED, [Entry("a", ["cat"]), Entry("a", absent=["cat"])], [0, 0, 0], ["cat"]),
        (Claim.POSITIVE, [Entry("a", ["cat"]), Entry("a", absent=["cat"])], [0, 0, 0], ["cat"]),
        (
            Claim.POSITIVE,
            [Entry("a", ["cat"], explicit=True), Entry("a", [], explicit=True)],
            [0, 0, 0],
            ["cat"],
        ),
        (
            Claim.VERIFIED,
            [Entry("a", ["cat"], explicit=True), Entry("a", unknown=["cat"], explicit=True)],
            [1, -1, -1],
            [],
        ),
        (
            Claim.COMPLETE,
            [Entry("a"), Entry("a", ["cat"], whole=False), Entry("a", ["dog"], whole=False)],
            [1, 1, -1],
            [],
        ),
        (
            Claim.VERIFIED,
            [Entry("a", ["cat"], whole=False), Entry("a", absent=["cat"], whole=False)],
            [0, 0, 0],
            ["cat"],
        ),
    ],
)
def test_several_entries(
    claim: Claim, entries: list[Entry], values: list[int], contradicted: list[str]
) -> None:
    assert said(claim, *entries) == (values, contradicted)
    assert said(claim, *entries[::-1]) == (values, contradicted), "in any order"


def test_only_the_labels_asked_for_are_told_in_their_order() -> None:
    with staging(str.strip) as staged:
        fill(staged, Entry("a", ["cat", "tree"]), Entry("b", ["dog"]))
        found = [each.values.tolist() for each in staged.said(Claim.COMPLETE, [2, 1])]
    assert found == [[1, -1], [-1, 1]]


def test_names_are_counted_by_what_became_of_them() -> None:
    with staging(str.strip) as staged:
        staged.add(Entry("x/1.jpg", ["cat"]))
        staged.add(Entry("x/1.jpg", ["cat"]))
        staged.add(Entry("2.jpg", ["cat"]))
        staged.add(Entry("gone.jpg", ["cat"]))
        staged.match(ImageIndex(["x/1.jpg", "y/2.jpg", "z/2.jpg"]))
        counts = staged.counts()
        assert (counts.named, counts.matched, counts.missing, counts.several, counts.twice) == (3, 1, 1, 1, 1)
        assert staged.names("missing", 9) == ["gone.jpg"]
        assert staged.names("several", 9) == ["2.jpg"]
        assert staged.names("twice", 9) == ["x/1.jpg"]
        assert staged.images() == {0}


def test_more_than_one_label_is_found_also_over_two_names_of_an_image() -> None:
    with staging(str.strip) as staged:
        fill(staged, Entry("a", ["cat"]), Entry("./a", ["dog"]), Entry("b", ["cat"]), Entry("b", ["cat"]))
        assert staged.with_several_labels(9) in (["a"], ["./a"])


def test_names_of_labels_are_cleaned_once() -> None:
    asked: list[str] = []

    def clean(name: str) -> str:
        asked.append(name)
        return name.strip()

    with staging(clean) as staged:
        for _ in range(3):
            staged.add(Entry("a", ["cat", " cat "]))
        assert staged.labels == ["cat"]
    assert sorted(asked) == [" cat ", "cat"]
