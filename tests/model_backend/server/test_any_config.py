"""Projects as people have them, on a real Label Studio: connected, answered, trained, suggested for."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from annotator.labelstudio.candidates import ASIDE
from annotator.labelstudio.choosing import Wanted
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.health import Check
from annotator.labelstudio.projects import Identity
from annotator.settings import Asking, Settings
from annotator.store import (
    Annotation,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Publication,
    Store,
    Suggestion,
)
from annotator.store.states import Suggest, Unticked
from model_backend.commands.connect import Request, link
from model_backend.engine.predict import Predictor
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources
from model_backend.server import create_app, open_server
from model_backend.stack.installation import migrated_store
from model_backend.stack.label_studio import LabelStudioProcess
from model_backend.worker.jobs import Jobs
from tests.free_ports import free_port

from .conftest import Nudges
from .test_label_studio import Loop, _inline

pytestmark = pytest.mark.studio

IMAGES = 14
EARLIER, NOW = 3, 7  # answers before the project is connected, and after
COLOURS = ("red", "green", "blue")
LEFT = '<Image name="left" value="$left"/>'
PICTURE = '<Image name="img" value="$image"/>'
STARS = '<Rating name="stars" toName="img"/>'
LABELS = "".join(f'<Label value="{each}"/>' for each in COLOURS)
CHOICES = "".join(f'<Choice value="{each}"/>' for each in COLOURS)
ALIASED = '<Choice value="red" alias="r" hint="like blood"/><Choice value="green" alias="g"/>'


def choices(*written: str, control: str = "what") -> dict[str, Any]:
    return {"from_name": control, "to_name": "img", "type": "choices", "value": {"choices": list(written)}}


def shape(kind: str, label: str, **value: Any) -> dict[str, Any]:
    return {"from_name": "what", "to_name": "img", "type": kind, "value": {kind: [label], **value}}


def rectangle(label: str) -> dict[str, Any]:
    return shape("rectanglelabels", label, x=10, y=10, width=50, height=20, rotation=0)


def polygon(label: str) -> dict[str, Any]:
    return shape("polygonlabels", label, points=[[0, 0], [50, 0], [50, 50], [0, 50]])


def brush(label: str) -> dict[str, Any]:
    """A mask of 4 pixels, one of them painted: run lengths as the page packs them."""
    bits = f"{16:032b}" + f"{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    painted = "0" + "01" + f"{15:04b}" + "".join(f"{v:08b}" for v in ([255] * 4 + [0] * 12))
    whole = (bits + painted).ljust(-(-len(bits + painted) // 8) * 8, "0")
    return shape(
        "brushlabels", label, format="rle", rle=[int(whole[at : at + 8], 2) for at in range(0, len(whole), 8)]
    )


def point(label: str) -> dict[str, Any]:
    return shape("keypointlabels", label, x=10, y=10, width=1)


def taxonomy(label: str) -> dict[str, Any]:
    value = {"taxonomy": [["colour", label]]}
    return {"from_name": "what", "to_name": "img", "type": "taxonomy", "value": value}


@dataclass(frozen=True)
class Kind:
    """A kind of project: its label config, an answer that names one colour, and what is to come of it."""

    xml: str
    says: Callable[[str], dict[str, Any]]
    source: str = "added"
    prefix: str = ""
    area: float | None = None
    ticks: dict[str, Any] | None = None
    """The region that suggests red and green; None where suggestions go to the order only."""
    wanted: Wanted = field(default_factory=Wanted)
    absent: bool = False


def view(*parts: str) -> str:
    return f"<View>{''.join(parts)}</View>"


def many(control: str = CHOICES) -> str:
    return f'<Choices name="what" toName="img" choice="multiple">{control}</Choices>'


def regions(tag: str) -> str:
    return view(PICTURE, f'<{tag} name="what" toName="img">{LABELS}</{tag}>')


NESTED = f'<Choice value="colour">{CHOICES}</Choice>'
TREE = f'<Taxonomy name="what" toName="img" leafsOnly="true">{NESTED}</Taxonomy>'
ALIASES = {"red": "r", "green": "g", "blue": "blue"}
KINDS = {
    "ours": Kind(
        build_config(COLOURS),
        lambda label: choices(label, control="label") | {"to_name": "image"},
        source="tag",
        ticks=choices("red", "green", control="suggested") | {"to_name": "image"},
    ),
    "many": Kind(
        view(PICTURE, many(ALIASED + '<Choice value="blue"/>')),
        lambda label: choices(ALIASES[label]),
        ticks=choices("r", "g"),
    ),
    "many, labelled completely": Kind(
        view(PICTURE, many()),
        choices,
        ticks=choices("red", "green"),
        wanted=Wanted(unticked=Unticked.ABSENT),
        absent=True,
    ),
    "many, by order": Kind(view(PICTURE, many()), choices, wanted=Wanted(suggest=Suggest.ORDER)),
    "single": Kind(
        view(PICTURE, f'<Choices name="what" toName="img" choice="single">{CHOICES}</Choices>'),
        choices,
        source="tag",
    ),
    "taxonomy, extras, two images": Kind(
        view(LEFT, PICTURE, TREE, STARS, '<TextArea name="note" toName="img"/>'),
        taxonomy,
        prefix="colour / ",
        ticks=taxonomy("red") | {"value": {"taxonomy": [["colour", "red"], ["colour", "green"]]}},
        wanted=Wanted(image_field="image"),
    ),
    "rectangles": Kind(regions("RectangleLabels"), rectangle, area=0.1),
    "polygons": Kind(regions("PolygonLabels"), polygon, area=0.25),
    "brush": Kind(regions("BrushLabels"), brush, area=0.25),
    "key points": Kind(regions("KeyPointLabels"), point),
}


@dataclass
class Connected:
    """A project with answers, not yet connected, and the backend that waits for it."""

    kind: Kind
    studio: Studio
    number: int
    settings: Settings
    resources: LearningResources

    def link(self, **more: Any) -> list[Check]:
        return link(self.settings, replace(Request(self.number, wanted=self.kind.wanted), **more))

    def loop(self, store: Store) -> Loop:
        with store.reading() as session:
            project_id = session.scalars(select(Project.id)).one()
        jobs = Jobs(store, self.settings, self.studio, self.resources)
        return Loop(self.studio, self.number, store, self.settings, project_id, jobs)

    def answer(self, task: int, label: str) -> dict[str, Any]:
        return self.studio.annotate(task, [self.kind.says(label) | {"id": "r1", "origin": "manual"}])


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def there(
    kind: Kind,
    label_studio: LabelStudioProcess,
    new_studio_project: Callable[..., int],
    engine_settings: Settings,
    resources: LearningResources,
    paint: Callable[[int], bytes],
) -> Iterator[Connected]:
    studio = label_studio.studio()
    number = new_studio_project(label_config=kind.xml)
    pictures = [f"data:image/png;base64,{base64.b64encode(paint(n)).decode()}" for n in range(1, IMAGES + 1)]
    studio.import_tasks(number, [{"data": {"image": each, "left": "data:,no"}} for each in pictures])
    settings = engine_settings.model_copy(
        update={
            "label_studio_url": studio.url,
            "label_studio_token": label_studio.credentials.token,
            "port": free_port(),
            "questions": Asking.TAGS,  # the one kind that every label config can show
        }
    )
    bench = LearningResources(settings, _inline, resources.backbone)
    yield Connected(kind, studio, number, settings, bench)
    for webhook in studio.webhooks(number):
        studio.delete_webhook(int(webhook["id"]))


@pytest.fixture
def served(there: Connected) -> Iterator[Store]:
    """The backend, running on the store of its data folder."""
    store = migrated_store(there.settings)
    app = create_app(
        store, there.settings, Nudges(), Predictor(store, there.settings, lambda: there.resources)
    )
    server = open_server(app, there.settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield store
    server.close()
    thread.join(10)
    store.close()


def known(store: Store, task: int) -> dict[str, str]:
    """{"red": "+added"} of one task."""
    said = (
        select(Label.name, Observation.value, Observation.source)
        .join(Observation, Observation.label_id == Label.id)
        .join(Image, Image.id == Observation.image_id)
        .where(Image.studio_task == task, Observation.retired_at.is_(None))
    )
    with store.reading() as session:
        return {name: f"{'+' if value > 0 else '-'}{source}" for name, value, source in session.execute(said)}


def expected(kind: Kind, label: str, source: str) -> dict[str, str]:
    rest = {kind.prefix + name: "-complete" for name in COLOURS if name != label} if kind.absent else {}
    return {kind.prefix + label: f"+{source}", **rest}


def test_from_connect_to_suggestions(there: Connected, request: pytest.FixtureRequest) -> None:
    kind, studio = there.kind, there.studio
    tasks = [int(task["id"]) for task in studio.tasks(there.number)]
    for index, task in enumerate(tasks[:EARLIER]):
        there.answer(task, COLOURS[index])

    # Looked at, and nothing is written.
    shown = there.link(dry_run=True)
    assert all(check.ok for check in shown), shown
    told = "\n".join(f"{check.name}: {check.detail}" for check in shown)
    assert f"answers: {EARLIER} of {EARLIER} images, 0 skips; they say {EARLIER} times present" in told
    assert not list(there.settings.data_dir.glob("*"))
    assert studio.webhooks(there.number) == []

    # Connected: what is there is taken in with what it is.
    store: Store = request.getfixturevalue("served")
    links = there.link()
    assert all(check.ok for check in links), links
    for index, task in enumerate(tasks[:EARLIER]):
        assert known(store, task) == expected(kind, COLOURS[index], "imported")
    with store.reading() as session:
        assert (
            session.scalars(select(Image.uri).where(Image.studio_task == tasks[0])).one()[:10] == "data:image"
        )
        assert set(session.scalars(select(Annotation.imported))) == {True}

    # Answered: each answer is an observation.
    for index, task in enumerate(tasks[EARLIER : EARLIER + NOW]):
        there.answer(task, COLOURS[index % 3])
    loop = there.loop(store)
    loop.wait_for_events("ANNOTATION_CREATED", NOW)
    loop.jobs.process_inbox()
    for index, task in enumerate(tasks[EARLIER : EARLIER + NOW]):
        assert known(store, task) == expected(kind, COLOURS[index % 3], kind.source)
    with store.reading() as session:
        areas = session.scalars(select(Observation.area).where(Observation.value == 1)).all()
    assert list(areas) == [pytest.approx(kind.area)] * (EARLIER + NOW)

    # Trained, and suggestions pushed.
    version = loop.train()
    rest = tasks[EARLIER + NOW :]
    _suggest(store, [kind.prefix + "red", kind.prefix + "green"])
    studio.set_queue(there.number, "")  # where the queue follows the version, it is left alone
    assert publish(store, there.settings, loop.project_id, studio) == len(rest)
    predictions = {task: studio.task(task)["predictions"] for task in rest}
    assert [(each.name, each.predictions) for each in studio.versions(there.number)] == [
        (version.name, len(rest))
    ]
    for (pushed,) in predictions.values():
        regions = [
            {key: each[key] for key in ("from_name", "to_name", "type", "value")}
            for each in pushed["result"]
            if each["from_name"] not in ASIDE
        ]
        assert regions == ([] if kind.ticks is None else [kind.ticks])
    first = studio.next_task(there.number)
    assert first is not None
    scores = {task: pushed["score"] for task, (pushed,) in predictions.items()}
    assert scores[first["id"]] == min(scores.values())
    asked = Predictor(store, there.settings, lambda: there.resources).predict(
        Identity(there.number), [studio.task(rest[0])]
    )
    (answer,) = asked.items
    ticks = [each for each in answer["result"] if each["from_name"] not in ASIDE]
    assert len(ticks) == (0 if kind.ticks is None else 1)
    if kind.ticks is not None and "ours" not in request.node.name:
        _touched(loop, kind, {task: pushed for task, (pushed,) in predictions.items()})


def _suggest(store: Store, labels: list[str]) -> None:
    """Let the version suggest these labels everywhere, whatever it has learned from so few answers."""
    with store.session() as session:
        for suggestion in session.scalars(select(Suggestion)):
            suggestion.labels = labels
        session.scalars(select(ModelVersion)).one().publication = Publication.PUBLISHING


def _touched(loop: Loop, kind: Kind, predictions: dict[int, dict[str, Any]]) -> None:
    """Left as they were, ticks say nothing; changed, they are told apart one by one."""
    (left, shown), (changed, other) = list(predictions.items())[:2]
    loop.studio.annotate(left, [shown["result"][0] | {"origin": "prediction"}], parent_prediction=shown["id"])
    kept = other["result"][0]
    (key,) = kept["value"]
    fresh = kind.says("blue")["value"][key]
    value = {key: [kept["value"][key][1], *fresh]}  # red unticked, green left, blue added
    loop.studio.annotate(
        changed,
        [kept | {"origin": "prediction-changed", "value": value}],
        parent_prediction=other["id"],
    )
    loop.wait_for_events("ANNOTATION_CREATED", NOW + 2)
    loop.jobs.process_inbox()
    assert known(loop.store, left) == {}
    assert known(loop.store, changed) == {
        f"{kind.prefix}red": "-rejected",
        f"{kind.prefix}blue": "+added",
    }
