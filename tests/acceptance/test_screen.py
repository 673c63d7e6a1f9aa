"""The labelling screen in a browser: nothing needed is hidden, and the keyboard is enough."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as Picture
from sqlalchemy import select

from annotator.labelstudio.candidates import ALL_LABELS_MARKED, NOTHING, SUGGESTIONS_CHECKED
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.questions import Asked, asked_prediction
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.screen import HOW_FAR, MISSING, QUESTIONS
from annotator.store import Label, Observation, Store
from annotator.store.states import Question
from model_backend.stack.label_studio import LabelStudioProcess
from tests.acceptance.conftest import browsing

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.studio, pytest.mark.browser, pytest.mark.timeout(600)]
SIZES = ((1280, 720), (1440, 900))
SUBMIT = 'button[aria-label="Submit current annotation"]'
THINGS = (
    "bicycle",
    "cat",
    "dog",
    "traffic light",
    "baseball glove",
    "tennis racket",
    "potted plant",
    "bench",
)
LISTED = 60
PROGRESS = "http://127.0.0.1:9090/page/p1/"
DRAWN = 300
"""Tenths of a second that a page may take to be drawn."""
BUTTONS = 18
"""As many as there can be."""


def labels(count: int) -> list[str]:
    """Names as long as those of COCO."""
    return [
        THINGS[place % len(THINGS)] + (f" {place // len(THINGS)}" if place >= len(THINGS) else "")
        for place in range(count)
    ]


def picture() -> str:
    """A picture that comes with its task."""
    kept = io.BytesIO()
    Picture.linear_gradient("L").resize((640, 480)).save(kept, "PNG")
    return f"data:image/png;base64,{base64.b64encode(kept.getvalue()).decode()}"


@pytest.fixture(scope="module")
def page(label_studio: LabelStudioProcess) -> Iterator[Page]:
    """A browser that is logged in."""
    user = label_studio.credentials
    password = user.password.get_secret_value()
    with browsing(f"http://127.0.0.1:{label_studio.port}", user.email, password, SIZES[0]) as page:
        yield page


class Screen:
    """A project with one picture, its page, and the store that is told what was answered."""

    def __init__(
        self, page: Page, home: str, studio: Studio, store: Store, project: int, names: list[str]
    ) -> None:
        self.page, self.names = page, names
        self.home, self.studio, self.store, self.project = home, studio, store, project

    def open(self, size: tuple[int, int] = SIZES[0]) -> None:
        """Start labelling."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.goto(f"{self.home}/projects/{self.project}/data")
        self.page.get_by_text("Label All Tasks").click()
        self.page.locator(SUBMIT).wait_for()
        self.page.locator(".onetag-review").wait_for()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def row(self, name: str, part: str) -> Locator:
        """The row of a label in one of the lists."""
        return self.page.locator(f'.{part} .lsf-choice:has(input[name="{name}"])')

    def button(self, value: str) -> Locator:
        """One of the buttons below the labels."""
        return self.page.locator(f'.onetag-buttons .lsf-choice:has(input[name="{value}"])')

    def submit(self) -> dict[str, str]:
        """Submit by its key, and what the store knows then, as {"cat": "+tag"}."""
        with self.page.expect_response(
            lambda answer: "/annotations" in answer.url and answer.request.method == "POST"
        ) as got:
            self.press("Control+Enter")
        assert got.value.ok, got.value.text()
        project_id = self.connect()
        known = (
            select(Label.name, Observation.value, Observation.source)
            .join(Observation, Observation.label_id == Label.id)
            .where(Label.project_id == project_id, Observation.retired_at.is_(None))
        )
        with self.store.reading() as session:
            return {
                name: f"{'+' if value > 0 else '-'}{source}" for name, value, source in session.execute(known)
            }

    def connect(self) -> int:
        """The project in the store, made to agree with Label Studio."""
        config = str(self.studio.project(self.project)["label_config"])
        with self.store.session() as session:
            made = get_or_create_project(session, self.studio.url, Identity(self.project), config)
            project_id = made.id
        reconcile(self.store, self.studio, project_id)
        return project_id


@pytest.fixture
def screen(
    page: Page,
    label_studio: LabelStudioProcess,
    studio: Studio,
    sqlite_store: Store,
    new_studio_project: Callable[..., int],
) -> Callable[..., Screen]:
    """Opens the page of one picture for so many labels, with a question of the model or none."""

    def opened(
        count: int,
        asked: Asked | None = None,
        size: tuple[int, int] = SIZES[0],
        often: Sequence[str] = (),
    ) -> Screen:
        names = labels(count)
        config = build_config(names, often=often, progress=PROGRESS)
        project = new_studio_project(label_config=config, uris=(picture(),))
        made = Screen(page, f"http://127.0.0.1:{label_studio.port}", studio, sqlite_store, project, names)
        made.connect()
        if asked is not None:
            task = int(next(iter(studio.tasks(project)))["id"])
            told = asked_prediction(parse_config(config), asked, "v1", 0.5, task=task)
            studio.push_predictions(project, [told])
            studio.set_queue(project, "v1")
        made.open(size)
        return made

    return opened


SUGGESTED = Asked(Question.TAG, ("cat", "dog"), {"cat": 0.92, "dog": 0.81})


def inside(page: Page, part: Locator) -> bool:
    """Whether a part of the page is drawn, and lies in the window and in whatever scrolls around it."""
    return bool(
        part.evaluate(
            """part => {
                const box = part.getBoundingClientRect();
                if (!box.width || !box.height) return false;
                for (let at = part; at; at = at.parentElement) {
                    const around = at.getBoundingClientRect();
                    const cuts = getComputedStyle(at).overflowY !== "visible";
                    if (cuts && (box.bottom > around.bottom + 1 || box.top < around.top - 1)) return false;
                }
                return box.left >= 0 && box.top >= 0
                    && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1;
            }"""
        )
    )


def hidden(screen: Screen, parts: dict[str, Locator]) -> list[str]:
    """The names of those parts that an annotator does not see, once the page has had time to be drawn."""
    for _ in range(DRAWN):
        found = [name for name, part in parts.items() if not inside(screen.page, part)]
        if not found:
            return []
        screen.page.wait_for_timeout(100)
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("count", [3, 18, 60, 300])
def test_nothing_that_is_needed_is_hidden(
    screen: Callable[..., Screen], count: int, size: tuple[int, int]
) -> None:
    listed = count <= LISTED
    often = labels(count)[-BUTTONS:] if not listed else []
    shown = screen(count, SUGGESTED, size, often)
    first = {
        "question": shown.page.get_by_text(QUESTIONS[Question.TAG]).last,
        NOTHING: shown.button(NOTHING),
        "submit": shown.page.locator(SUBMIT),
        "shortcuts": shown.page.get_by_text("Ctrl+Enter submits"),
        "picture": shown.page.locator(".onetag-picture img").first,
    }
    first |= {name: shown.row(name, "onetag-one") for name in shown.names[: count if listed else 8]}
    first |= {f"button {name}": shown.row(name, "onetag-often") for name in often}
    first["progress"] = shown.page.locator(".onetag-footer a")
    if not listed:
        first["search"] = shown.page.locator(".onetag-find input")
    assert hidden(shown, first) == []
    for later in (SUGGESTIONS_CHECKED, ALL_LABELS_MARKED):
        assert not shown.button(later).is_visible(), "there is nothing yet to look at"
    assert not shown.page.locator(".onetag-also").is_visible(), "suggestions come after one's own label"

    shown.page.locator('.onetag-one input[name="bicycle"]').check()
    then = {
        "label": shown.row("bicycle", "onetag-one"),
        "percent": shown.page.get_by_text("The model: cat 92 %, dog 81 %."),
        SUGGESTIONS_CHECKED: shown.button(SUGGESTIONS_CHECKED),
        ALL_LABELS_MARKED: shown.button(ALL_LABELS_MARKED),
        "submit": shown.page.locator(SUBMIT),
        "progress": shown.page.locator(".onetag-footer a"),
    }
    if listed:
        then |= {name: shown.row(name, "onetag-also") for name in shown.names if name != "bicycle"}
    else:
        then |= {name: shown.page.locator(f'.onetag-also [title="{name}"]') for name in ("cat", "dog")}
    assert hidden(shown, then) == []
    if listed:
        assert not shown.row("bicycle", "onetag-also").is_visible(), "what is chosen is not offered again"
        assert not shown.row("cat", "onetag-one").is_visible(), "and the list stands there once"


@pytest.mark.parametrize("question", list(Question))
@pytest.mark.parametrize("count", [18, 60, 300])
def test_the_kind_of_question_is_told_in_words_and_all_it_needs_is_there(
    screen: Callable[..., Screen], count: int, question: Question
) -> None:
    about = {Question.YES_NO: ("cat",), Question.CHECK: ("cat", "dog")}.get(question, ())
    shown = screen(count, Asked(question, about))
    texts = {text: shown.page.get_by_text(text, exact=True) for text in QUESTIONS.values()}
    words = [text for text, found in texts.items() if any(each.is_visible() for each in found.all())]
    assert words == [QUESTIONS[question]]
    needed = {NOTHING: shown.button(NOTHING)}
    if question in (Question.CHECK, Question.COMPLETE):
        needed[ALL_LABELS_MARKED] = shown.button(ALL_LABELS_MARKED)
    if question is Question.CHECK:
        needed[SUGGESTIONS_CHECKED] = shown.button(SUGGESTIONS_CHECKED)
    if question is Question.YES_NO:
        needed |= {"yes": shown.button("Yes"), "no": shown.button("No")}
        needed["cat"] = shown.page.locator(".onetag-about").get_by_text("cat", exact=True)
    else:
        assert not shown.button("Yes").is_visible()
    part = "onetag-also" if question in (Question.CHECK, Question.COMPLETE) else "onetag-one"
    if count <= LISTED:
        needed |= {name: shown.row(name, part) for name in shown.names}
    assert hidden(shown, needed) == []


def test_before_the_first_model_a_line_tells_what_to_do(screen: Callable[..., Screen]) -> None:
    shown = screen(3)
    assert shown.page.get_by_text("Choose one thing that is in the picture").first.is_visible()
    assert shown.page.get_by_text("Any one will do").is_visible()
    assert not shown.button(SUGGESTIONS_CHECKED).is_visible()
    shown.press("1")
    assert not shown.button(SUGGESTIONS_CHECKED).is_visible(), "nothing is suggested"
    assert shown.button(ALL_LABELS_MARKED).is_visible()


def test_an_answer_that_says_nothing_is_held_back(screen: Callable[..., Screen]) -> None:
    shown = screen(3)
    shown.press("Control+Enter")
    shown.page.get_by_text(MISSING).wait_for()


def test_a_label_by_its_key(screen: Callable[..., Screen]) -> None:
    shown = screen(18, SUGGESTED)
    shown.press("1")
    assert shown.submit() == {"bicycle": "+tag"}


def test_a_label_taken_back_and_another_chosen(screen: Callable[..., Screen]) -> None:
    shown = screen(18, SUGGESTED)
    shown.press("1", "1", "2")
    assert shown.submit() == {"cat": "+tag"}


def test_suggestions_are_changed_and_checked_by_keys(screen: Callable[..., Screen]) -> None:
    shown = screen(18, SUGGESTED)
    shown.press("1", "Shift+3", "Shift+4", "Space")
    expected = {"bicycle": "+tag", "cat": "+confirmed", "dog": "-rejected", "traffic light": "+added"}
    assert shown.submit() == expected


def test_all_labels_are_marked_by_a_key(screen: Callable[..., Screen]) -> None:
    shown = screen(3, SUGGESTED)
    shown.press("1", "Shift+3", "a")
    assert shown.submit() == {"bicycle": "+tag", "cat": "+confirmed", "dog": "-rejected"}


@pytest.mark.parametrize("asked", [None, SUGGESTED, Asked(Question.COMPLETE)], ids=["none", "tag", "all"])
def test_nothing_of_these_is_one_key(screen: Callable[..., Screen], asked: Asked | None) -> None:
    shown = screen(3, asked)
    shown.press("0")
    assert shown.submit() == dict.fromkeys(shown.names, "-complete")


def test_yes_and_no_are_one_key(screen: Callable[..., Screen]) -> None:
    shown = screen(18, Asked(Question.YES_NO, ("cat",)))
    shown.press("y")
    assert shown.submit() == {"cat": "+answered"}
    shown = screen(300, Asked(Question.YES_NO, ("cat",)))
    shown.press("n")
    assert shown.submit() == {"cat": "-answered"}


def test_what_is_marked_besides_yes_or_no_counts(screen: Callable[..., Screen]) -> None:
    shown = screen(18, Asked(Question.YES_NO, ("cat",)))
    shown.press("n", "1", "Shift+3")
    assert shown.submit() == {"cat": "-answered", "bicycle": "+tag", "dog": "+added"}


def test_labels_to_check_are_coloured_and_not_ticked_and_need_no_label_chosen(
    screen: Callable[..., Screen],
) -> None:
    shown = screen(18, Asked(Question.CHECK, ("cat", "dog"), {"cat": 0.9}))
    for name in ("cat", "dog"):
        row = shown.row(name, "onetag-also")
        words = row.locator(".ant-checkbox + span")
        assert not row.locator("input").is_checked()
        assert words.evaluate("text => getComputedStyle(text, '::after').content") == '" model"'
    shown.press("Shift+3", "Space")
    assert shown.submit() == {"cat": "-rejected", "dog": "+confirmed"}


def test_a_label_beyond_the_plain_keys_has_one_with_alt(screen: Callable[..., Screen]) -> None:
    shown = screen(60, SUGGESTED)
    last = shown.names[-1]
    hint = shown.row(last, "onetag-one").locator("sup").inner_text()
    assert hint.startswith("[alt+")
    shown.press("+".join(part.capitalize() if part == "alt" else part for part in hint[1:-1].split("+")))
    assert shown.submit() == {last: "+tag"}


def test_a_label_among_many_is_found_and_sent_by_keys_alone(screen: Callable[..., Screen]) -> None:
    shown = screen(300, SUGGESTED)
    shown.press("f")
    shown.page.keyboard.type("racket 7")
    found = shown.page.locator(".onetag-one .lsf-choice:visible")
    assert [each.strip() for each in found.all_inner_texts()] == ["tennis racket 7"]
    assert not shown.page.locator(".onetag-also").is_visible()
    shown.press("Enter")
    assert shown.page.get_by_text("The model: cat 92 %, dog 81 %.").is_visible()
    shown.press("Space")
    assert shown.submit() == {"tennis racket 7": "+tag", "cat": "+confirmed", "dog": "+confirmed"}


def test_the_open_list_covers_no_suggestion_and_finds_what_else_is_there(
    screen: Callable[..., Screen],
) -> None:
    shown = screen(300, SUGGESTED)
    shown.press("f")
    shown.page.keyboard.type("bicycle")
    shown.press("Enter")
    chips = {name: shown.page.locator(f'.onetag-also [title="{name}"]') for name in ("cat", "dog")}
    shown.page.locator(".onetag-also .ant-select").click()
    search = shown.page.locator("input[name=taxonomy-search-input]")
    search.fill("plant 9")
    below = shown.page.locator(".htx-taxonomy-dropdown")
    below.get_by_text("potted plant 9").wait_for()
    top = below.bounding_box()
    boxes = [chip.bounding_box() for chip in chips.values()]
    assert all(box and top and box["y"] + box["height"] <= top["y"] for box in boxes)
    search.press("ArrowDown")
    search.press("Enter")
    shown.page.locator('.onetag-also [title="potted plant 9"]').wait_for()
    search.press("Escape")
    below.wait_for(state="hidden")
    assert shown.submit() == {"bicycle": "+tag", "potted plant 9": "+added"}


@pytest.mark.parametrize("count", [300, 1001])
def test_a_button_beside_a_long_list_is_as_good_as_the_list(
    screen: Callable[..., Screen], count: int
) -> None:
    often = ("bench", "cat", "tennis racket 9")
    shown = screen(count, SUGGESTED, often=often)
    hints = [shown.row(name, "onetag-often").locator("sup").inner_text() for name in often]
    assert hints == ["[1]", "[2]", "[3]"]
    shown.press("3")
    assert shown.row("tennis racket 9", "onetag-often").locator("input").is_checked()
    assert not shown.row("bench", "onetag-often").is_visible(), "it is chosen"
    assert shown.page.get_by_text("The model: cat 92 %, dog 81 %.").is_visible()
    assert not shown.page.locator(".onetag-one").is_visible()
    shown.press("Space")
    assert shown.submit() == {"tennis racket 9": "+tag", "cat": "+confirmed", "dog": "+confirmed"}


def test_a_button_that_was_pressed_by_mistake_is_taken_back_by_the_same_key(
    screen: Callable[..., Screen],
) -> None:
    shown = screen(300, often=("bench", "cat"))
    shown.press("1", "1", "2")
    assert shown.submit() == {"cat": "+tag"}


def test_buttons_that_come_move_no_key_and_no_button(screen: Callable[..., Screen], studio: Studio) -> None:
    shown = screen(300, often=("bench", "cat"))
    before = str(studio.project(shown.project)["label_config"])
    after = build_config(["ant", *shown.names], before=before, often=("bench", "cat", "ant"))
    studio.update_project(shown.project, label_config=after)
    shown.open()
    buttons = shown.page.locator(".onetag-often .lsf-choice")
    assert [each.split("[")[0].strip() for each in buttons.all_inner_texts()] == ["bench", "cat", "ant"]
    shown.press("2")
    assert shown.submit() == {"cat": "+tag"}


def test_the_way_to_the_page_opens_beside_the_picture(screen: Callable[..., Screen]) -> None:
    shown = screen(3)
    link = shown.page.locator(".onetag-footer a")
    assert (link.get_attribute("href"), link.inner_text()) == (PROGRESS, HOW_FAR)
    assert link.get_attribute("target") == "_blank", "or the answer would be left behind"
    assert link.get_attribute("rel") == "noopener"
    assert not shown.row("bicycle", "onetag-one").locator("input").is_checked()


def test_what_the_model_suggests_stands_first(screen: Callable[..., Screen]) -> None:
    shown = screen(60, Asked(Question.TAG, ("bench 6", "dog")))
    shown.press("1")
    tops = {
        name: shown.row(name, "onetag-also").bounding_box() for name in ("dog", "bench 6", "cat", "bench 5")
    }
    first = sorted(tops, key=lambda name: (round(tops[name]["x"]), tops[name]["y"]))  # type: ignore[index]
    assert first == ["dog", "bench 6", "cat", "bench 5"]


def test_keys_stay_with_their_labels_when_one_is_added(screen: Callable[..., Screen], studio: Studio) -> None:
    shown = screen(3, SUGGESTED)
    before = str(studio.project(shown.project)["label_config"])
    shown.names = ["ant", *shown.names]
    studio.update_project(shown.project, label_config=build_config(shown.names, before=before))
    shown.open()
    shown.press("1")
    assert shown.row("bicycle", "onetag-one").locator("input").is_checked()


def test_what_the_model_ticked_is_told_apart_from_what_a_person_did(screen: Callable[..., Screen]) -> None:
    shown = screen(18, SUGGESTED)
    shown.press("1", "Shift+4", "Shift+3")

    def looks(name: str) -> tuple[Any, Any]:
        row = shown.row(name, "onetag-also")
        colour = row.evaluate("row => getComputedStyle(row).backgroundColor")
        words = row.locator(".ant-checkbox + span").evaluate(
            "text => getComputedStyle(text, '::after').content"
        )
        return colour, words

    models, persons = looks("cat"), looks("traffic light")
    assert models[1] == '" model"'
    assert persons[1] in ("none", "normal")
    assert models[0] != persons[0]
    assert looks("dog") == models, "also where it was unticked"
