"""The two pictures a demonstration ends with: the learning curve and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

from model_backend.demo.history import Round

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, FAINT = "#1d2733", "#ffffff", "#8b97a5"
HUMAN, RIGHT, WRONG, MISSED = "#1f5fbf", "#23824b", "#c0392b", "#b4690e"
THUMB, LINE, GAP, MARGIN = 184, 23, 18, 28
LINES = 4
FONT_SIZE = 13


def learning_curve(rounds: Sequence[Round], file: Path, title: str) -> None:
    """Draw held-out mAP, and precision and recall of what would be suggested, over the answers, as a PNG.

    Each point of the precision says on how many suggestions it rests.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 (matplotlib is slow to import)

    figure = Figure(figsize=(8, 4.8), dpi=150, layout="constrained")
    axes = figure.subplots()
    answers = [item.tagged for item in rounds]
    accuracy = [100 * item.mean_average_precision for item in rounds]
    axes.plot(answers, accuracy, "o-", color=HUMAN, linewidth=2.2, label="held-out mAP")
    some = [item for item in rounds if item.precision is not None]
    at = [item.tagged for item in some]
    precision = [100 * (item.precision or 0.0) for item in some]
    recall = [100 * (item.recall or 0.0) for item in some]
    axes.plot(
        at,
        precision,
        "s--",
        color=RIGHT,
        linewidth=1.6,
        label="suggestions: right (of how many)",
    )
    axes.plot(at, recall, "^:", color=MISSED, linewidth=1.6, label="suggestions: found of what is there")
    for item, place in zip(some, precision, strict=True):
        _note(axes, f"{item.suggestions}", (item.tagged, place), RIGHT, above=True)
    _note(axes, f"{accuracy[-1]:.1f}", (answers[-1], accuracy[-1]), HUMAN, above=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False, fontsize=9)
    axes.set(xlabel="answers: images where the annotator pressed Submit", ylabel="%", ylim=(0, 110))
    axes.set_xlim(left=0)
    axes.set_title(title, loc="left", color=INK, weight="bold")
    axes.grid(color=FAINT, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _note(axes: Axes, text: str, place: tuple[float, float], colour: str, *, above: bool) -> None:
    """A small number beside a point."""
    axes.annotate(
        text,
        place,
        xytext=(0, 7 if above else -17),
        textcoords="offset points",
        ha="center",
        color=colour,
        fontsize=8 if above else 10,
        weight="normal" if above else "bold",
    )


@dataclass(frozen=True)
class Card:
    """An image of the contact sheet: its observed and suggested labels, and those that are there."""

    file: Path
    observed: tuple[str, ...]
    rejected: tuple[str, ...]
    suggested: tuple[str, ...]
    present: tuple[str, ...]


def contact_sheet(cards: Sequence[Card], file: Path, title: str, columns: int = 6) -> None:
    """Draw the cards as a PNG: people's labels, right and wrong suggestions, and what is there and missed."""
    cell, tall = THUMB + GAP, THUMB + LINES * LINE + GAP
    rows = -(-len(cards) // columns)
    top = MARGIN + 68
    sheet = Image.new("RGB", (2 * MARGIN + columns * cell - GAP, top + rows * tall + MARGIN - GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 8), title, INK, _font(20))
    legend = [
        Tag("said by the annotator", HUMAN),
        Tag("said not to be there", HUMAN, filled=False),
        Tag("suggested, right", RIGHT),
        Tag("suggested, wrong", WRONG),
        Tag("there, and missed", MISSED, filled=False),
    ]
    _tags(draw, legend, (MARGIN, MARGIN + 28), columns * cell)
    for index, card in enumerate(cards):
        corner = MARGIN + index % columns * cell, top + index // columns * tall
        sheet.paste(_thumbnail(card.file), corner)
        _tags(draw, card_tags(card), (corner[0], corner[1] + THUMB + 6), THUMB)
    sheet.save(file)


@dataclass(frozen=True)
class Tag:
    """A word in a coloured pill; an outline alone: not there, or not found."""

    text: str
    colour: str
    filled: bool = True


def card_tags(card: Card) -> list[Tag]:
    """The card's words in order: observed present, observed absent, suggested, missed."""
    known = card.observed + card.rejected
    guessed = [name for name in card.suggested if name not in known]
    missed = [name for name in card.present if name not in known + card.suggested]
    return [
        *(Tag(name, HUMAN) for name in card.observed),
        *(Tag(name, HUMAN, filled=False) for name in card.rejected),
        *(Tag(name, RIGHT if name in card.present else WRONG) for name in guessed),
        *(Tag(name, MISSED, filled=False) for name in missed),
    ]


def _thumbnail(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (THUMB, THUMB))


def _tags(draw: ImageDraw.ImageDraw, tags: Sequence[Tag], corner: tuple[int, int], width: int) -> None:
    """Draw the pills side by side, wrapped at `width`; what does not fit ends in an ellipsis."""
    font = _font(FONT_SIZE)
    x, line = float(corner[0]), 0
    for tag in tags:
        wide = draw.textlength(tag.text, font) + 14
        if x > corner[0] and x + wide > corner[0] + width:
            x, line = float(corner[0]), line + 1
        top = corner[1] + line * LINE
        if line == LINES - 1:
            draw.text((x, top), "…", FAINT, font)
            return
        box = (x, top, x + wide, top + LINE - 4)
        draw.rounded_rectangle(box, 6, tag.colour if tag.filled else PAPER, tag.colour)
        draw.text((x + 7, top + 2), tag.text, PAPER if tag.filled else tag.colour, font)
        x += wide + 5


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own DejaVu Sans: it knows more alphabets than Pillow's default."""
    import matplotlib  # noqa: PLC0415 (matplotlib is slow to import)

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)
