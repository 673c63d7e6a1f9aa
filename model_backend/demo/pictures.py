"""The two pictures a demonstration ends with: the learning curve and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from model_backend.demo.history import Round

INK, PAPER, FAINT = "#1d2733", "#ffffff", "#8b97a5"
HUMAN, RIGHT, WRONG = "#1f5fbf", "#23824b", "#c0392b"
THUMB, LINE, GAP, MARGIN = 184, 23, 18, 28
LINES = 4
FONT_SIZE = 13


def learning_curve(rounds: Sequence[Round], file: Path, title: str) -> None:
    """Draw held-out mAP and the precision of the suggestions over the images tagged, as a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (matplotlib is slow to import)

    figure = Figure(figsize=(8, 4.6), dpi=150, layout="constrained")
    axes = figure.subplots()
    tagged = [item.tagged for item in rounds]
    axes.plot(
        tagged, [100 * item.mean_average_precision for item in rounds], "o-", color=HUMAN, linewidth=2.2
    )
    known = [item for item in rounds if item.precision is not None]
    precision = [100 * (item.precision or 0.0) for item in known]
    axes.plot([item.tagged for item in known], precision, "s--", color=RIGHT, linewidth=1.6, markersize=5)
    axes.legend(["held-out mAP", "precision of the suggestions"], loc="lower right", frameon=False)
    last = rounds[-1]
    axes.annotate(
        f"{100 * last.mean_average_precision:.1f}",
        (last.tagged, 100 * last.mean_average_precision),
        xytext=(0, -18),
        textcoords="offset points",
        ha="center",
        color=HUMAN,
        weight="bold",
    )
    axes.set(xlabel="images tagged, one label each", ylabel="%", ylim=(0, 104))
    axes.set_xlim(left=0)
    axes.set_title(title, loc="left", color=INK, weight="bold")
    axes.grid(color=FAINT, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


@dataclass(frozen=True)
class Card:
    """An image of the contact sheet with what people said and what is suggested."""

    file: Path
    observed: tuple[str, ...]
    rejected: tuple[str, ...]
    suggested: tuple[str, ...]
    present: tuple[str, ...]


def contact_sheet(cards: Sequence[Card], file: Path, title: str, columns: int = 6) -> None:
    """Draw the cards as a PNG: people's labels in blue, right suggestions in green, wrong ones in red."""
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
    ]
    _tags(draw, legend, (MARGIN, MARGIN + 28), columns * cell)
    for index, card in enumerate(cards):
        corner = MARGIN + index % columns * cell, top + index // columns * tall
        sheet.paste(_thumbnail(card.file), corner)
        _tags(draw, card_tags(card), (corner[0], corner[1] + THUMB + 6), THUMB)
    sheet.save(file)


@dataclass(frozen=True)
class Tag:
    """A word in a coloured pill; an outline alone says "not"."""

    text: str
    colour: str
    filled: bool = True


def card_tags(card: Card) -> list[Tag]:
    """The card's words in order: said by people, denied by people, suggested."""
    said = [Tag(name, HUMAN) for name in card.observed]
    said += [Tag(name, HUMAN, filled=False) for name in card.rejected]
    guessed = [name for name in card.suggested if name not in card.observed + card.rejected]
    return said + [Tag(name, RIGHT if name in card.present else WRONG) for name in guessed]


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
