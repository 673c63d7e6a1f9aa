"""The table, the learning curve and the contact sheet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from model_backend.demo.history import Round, table
from model_backend.demo.pictures import (
    HUMAN,
    MISSED,
    RIGHT,
    WRONG,
    Card,
    card_tags,
    contact_sheet,
    learning_curve,
)

ROUNDS = [Round(1, 30, 30, 0.41, None, 0.0, 0, 1.2), Round(2, 60, 82, 0.633, 0.75, 0.4, 120, 0.9)]


def text(status: str = "") -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(ROUNDS, status))
    return console.export_text()


def test_the_table_tells_each_round_and_what_happens_now() -> None:
    shown = text("waiting for the worker")
    assert ["2", "60", "82", "63.3", "%", "120", "75", "%", "40", "%", "0.9", "s"] in map(
        str.split, shown.splitlines()
    )
    assert "waiting for the worker" in shown


def test_the_learning_curve_is_a_picture_with_all_three_lines(tmp_path: Path) -> None:
    file = tmp_path / "curve.png"
    learning_curve(ROUNDS, file, "digits")
    assert {(31, 95, 191), (35, 130, 75), (180, 105, 14)} <= colours(file)


def test_a_curve_of_one_round_without_suggestions_is_drawn(tmp_path: Path) -> None:
    learning_curve(ROUNDS[:1], tmp_path / "curve.png", "digits")
    assert (31, 95, 191) in colours(tmp_path / "curve.png")


def test_a_card_never_shows_a_guess_as_said_by_people_and_tells_what_was_missed(tmp_path: Path) -> None:
    card = Card(tmp_path, ("cat",), ("dog",), ("cat", "dog", "tree", "sea"), ("cat", "tree", "boat"))
    tags = [(tag.text, tag.colour, tag.filled) for tag in card_tags(card)]
    assert tags == [
        ("cat", HUMAN, True),
        ("dog", HUMAN, False),
        ("tree", RIGHT, True),
        ("sea", WRONG, True),
        ("boat", MISSED, False),
    ]


def test_the_contact_sheet_shows_every_card(tmp_path: Path) -> None:
    image = tmp_path / "picture.png"
    Image.new("RGBA", (60, 20), (10, 200, 200, 255)).save(image)
    names = tuple(f"a rather long label {number}" for number in range(12))
    cards = [
        Card(image, ("猫",), (), names, names),
        Card(image, (), (), (), ()),
        Card(image, ("x",), (), ("y",), ()),
    ]
    contact_sheet(cards, tmp_path / "sheet.png", "digits", columns=2)
    found = colours(tmp_path / "sheet.png")
    assert {(10, 200, 200), (31, 95, 191), (35, 130, 75), (192, 57, 43)} <= found
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > sheet.width


def colours(file: Path) -> set[tuple[int, int, int]]:
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return {(int(red), int(green), int(blue)) for red, green, blue in np.unique(pixels, axis=0)}
