"""What is said on the page stands in a real Label Studio just so, and is read back as just that."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.errors import LabelStudioUnreachable
from annotator.labelstudio.observations import observe
from annotator.labelstudio.reading import project_config
from annotator.labelstudio.replay import replay
from annotator.labelstudio.told import key_in, shown_beside
from annotator.store import Project, Source, Store, open_store, sync_labels
from annotator.store.states import Telling
from model_backend.stack.installation import LABEL_STUDIO
from model_backend.stack.label_studio import LabelStudioProcess, studio_credentials
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand
from tests.annotator.labelstudio.in_memory import result
from tests.annotator.labelstudio.saying import Saying, Values, controls_of, page_controls
from tests.free_ports import free_port

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]
LABELS = ("cat", "dog", "tree")
Json = dict[str, Any]
UNDO: Values = {}


class Real(Saying):
    """A project with three images in a store and in a real Label Studio, whose events are kept until they are
    heard."""

    def __init__(self, store: Store, studio: Studio, number: int, stand: Stand | None = None) -> None:
        with store.session() as session:
            project = Project(
                title="t", label_config=build_config(LABELS), studio_project=number, studio_url=studio.url
            )
            session.add(project)
            session.flush()
            sync_labels(session, project, LABELS)
        self.tasks = sorted(int(task["id"]) for task in studio.tasks(number))
        super().__init__(store, studio, project.id, self.tasks[0])
        self._stand = stand
        self.reconcile()
        if stand is not None:
            stand.asked.clear()

    def there(self, task: int | None = None) -> list[Json]:
        """The annotations of a task in Label Studio, the oldest first."""
        found: list[Json] = self.studio.task(task or self.task)["annotations"]
        return sorted(found, key=lambda each: int(each["id"]))

    def flow(self) -> list[str]:
        """Every event that Label Studio has sent comes, and once more; what they tell."""
        assert self._stand is not None
        sent = [each.json for each in self._stand.asked if each.path == "/webhook"]
        self._stand.asked.clear()
        events = [(str(body["action"]), body) for body in sent]
        self.hear(*events, *events)
        return [action for action, _ in events]

    def settled(self) -> None:
        """Whatever comes afterwards changes nothing."""
        before = self.said(), self.revisions()
        self.flow()
        self.reconcile(full=True)
        replay(self.store, everything=True)
        assert self.tell() == 0
        assert (self.said(), self.revisions()) == before

    def read_back(self, annotation: Json) -> tuple[Values, set[Source]]:
        """What an annotation says by the rule of observations, without our record of it."""
        with self.store.reading() as session:
            config = project_config(session.get_one(Project, self.project_id))
        shown = shown_beside(annotation["result"], config)
        observed = observe(annotation["result"], config, shown or None).observed
        return {each.label: each.value for each in observed}, {each.source for each in observed}


@pytest.fixture
def real(
    sqlite_store: Store,
    studio: Studio,
    new_studio_project: Callable[..., int],
    new_stand: Callable[[Callable[[Asked], Answer]], Stand],
) -> Real:
    backend = new_stand(
        lambda asked: Answer(body={"status": "UP"} if asked.path == "/health" else {"model_version": "v1"})
    )
    number = new_studio_project(LABELS, uris=("data:,1", "data:,2", "data:,3"))
    studio.connect_backend(number, backend.url, "v1", SecretStr("the-shared-secret"))
    return Real(sqlite_store, studio, number, backend)


TABLE: Sequence[tuple[str, Sequence[Values], Values]] = [
    ("labels are there", [{"cat": 1, "dog": 1}], {"cat": 1, "dog": 1}),
    ("a label is not there", [{"cat": -1}], {"cat": -1}),
    ("one is and one is not", [{"tree": 1, "dog": -1}], {"dog": -1, "tree": 1}),
    ("nothing else is there", [{"dog": 1}, {"cat": -1, "tree": -1}], {"cat": -1, "dog": 1, "tree": -1}),
    ("nothing at all is there", [dict.fromkeys(LABELS, -1)], dict.fromkeys(LABELS, -1)),
    ("what is not named stays", [{"cat": 1}, {"dog": -1}], {"cat": 1, "dog": -1}),
    ("the same label anew", [{"cat": 1, "dog": 1}, {"cat": -1}], {"cat": -1, "dog": 1}),
    ("undone", [{"cat": 1}, UNDO], {}),
    ("undone to what it said before", [{"cat": 1}, {"cat": -1, "dog": 1}, UNDO], {"cat": 1}),
    ("undone twice", [{"cat": 1}, {"dog": 1}, UNDO, UNDO], {}),
    ("undone, and said again", [{"cat": 1}, UNDO, {"cat": -1}], {"cat": -1}),
]


def just(known: Values, who: str = "ann") -> Json:
    """How an annotation on our screen says just this."""
    return page_controls(known, LABELS, who)


@pytest.mark.parametrize("at_once", [True, False], ids=["told at once", "each told"])
@pytest.mark.parametrize(("steps", "known"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_an_annotation_says_just_what_was_said(
    real: Real, steps: Sequence[Values], known: Values, at_once: bool
) -> None:
    for step in steps:
        if step:
            real.answer(step)
        else:
            real.undo()
        if not at_once:
            real.tell()
    real.tell()
    assert real.said() == known
    assert [controls_of(each) for each in real.there()] == ([just(known)] if known else [])
    for each in real.there():
        assert key_in(each["result"]) is not None
        assert (each["ground_truth"], each["was_cancelled"]) == (False, False)
        assert real.read_back(each) == (known, {Source.PAGE})
    assert real.states() == [Telling.TOLD]
    real.settled()
    assert real.said() == known


def test_its_own_events_count_nothing_twice(real: Real) -> None:
    real.say(cat=1)
    real.tell()
    assert real.flow() == ["ANNOTATION_CREATED"]
    real.say(dog=-1)
    real.tell()
    assert real.flow() == ["ANNOTATION_UPDATED"]
    assert (real.said(), real.sources(), real.revisions()) == ({"cat": 1, "dog": -1}, {Source.PAGE}, 2)
    real.undo()
    real.undo()
    real.tell()
    assert real.flow() == ["ANNOTATIONS_DELETED"]
    assert real.said() == {}


def test_a_store_that_knows_label_studio_alone_reads_the_same(
    real: Real, sqlite_template: Path, tmp_path: Path
) -> None:
    real.say(cat=1, dog=-1)
    real.tell()
    number = real.studio.annotation(real.there()[0]["id"])["completed_by"]
    with closing(open_store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'other.db')}")) as store:
        other = Real(store, real.studio, int(real.studio.task(real.task)["project"]))
        assert other.said(str(number)) == {"cat": 1, "dog": -1}
        assert other.sources() == {Source.PAGE}


def test_two_people_and_many_images(real: Real) -> None:
    real.say(*real.tasks, cat=-1)
    real.say(real.tasks[1], who="bob", cat=1)
    real.tell()
    assert [controls_of(each) for each in real.there()] == [just({"cat": -1})]
    assert [controls_of(each) for each in real.there(real.tasks[1])] == [
        just({"cat": -1}),
        just({"cat": 1}, "bob"),
    ]
    real.settled()
    real.undo()
    real.tell()
    assert [real.there(task) for task in (real.tasks[0], real.tasks[2])] == [[], []]
    assert [controls_of(each) for each in real.there(real.tasks[1])] == [just({"cat": 1}, "bob")]
    real.settled()


def test_beside_an_annotators_submit_both_count(real: Real) -> None:
    mine = real.studio.annotate(real.task, result(["dog", "tree"]), lead_time=3.0)
    real.flow()
    annotator = str(mine["completed_by"])
    assert real.said(annotator) == {"dog": 1, "tree": 1}
    real.say(dog=-1)
    real.tell()
    real.settled()
    assert (real.said(annotator), real.said()) == ({"dog": 1, "tree": 1}, {"dog": -1})
    before, own = real.there()
    assert before["result"] == mine["result"]
    assert before["updated_at"] == mine["updated_at"]
    assert controls_of(own) == just({"dog": -1})
    real.undo()
    real.tell()
    assert [each["id"] for each in real.there()] == [mine["id"]]
    assert (real.said(annotator), real.said()) == ({"dog": 1, "tree": 1}, {})


def test_ground_truth_is_left_as_it_is(real: Real) -> None:
    starred = real.studio.annotate(real.task, result(["dog"]))
    real.studio.update_annotation(starred["id"], ground_truth=True)
    real.say(cat=1)
    real.tell()
    real.say(dog=1)
    real.tell()
    assert [each["ground_truth"] for each in real.there()] == [True, False]
    real.studio.update_annotation(real.there()[1]["id"], ground_truth=True)
    real.flow()
    real.reconcile(full=True)  # no event tells that the other one has lost its star
    real.say(tree=-1)
    real.tell()
    assert [each["ground_truth"] for each in real.there()] == [False, True]
    real.settled()
    for _ in range(3):
        real.undo()
    real.tell()
    assert [each["id"] for each in real.there()] == [starred["id"]]


def test_what_is_changed_there_holds(real: Real) -> None:
    real.say(cat=1, dog=1)
    real.tell()
    (annotation,) = real.there()
    changed = [
        {**each, "value": {"choices": ["dog", "tree"]}} if each["from_name"] == "suggested" else each
        for each in annotation["result"]
    ]
    real.studio.update_annotation(annotation["id"], result=changed)
    real.flow()
    held = {"cat": -1, "dog": 1, "tree": 1}
    assert real.said() == held
    assert real.undo().changed == 1
    real.settled()
    assert real.said() == held
    assert real.there()[0]["result"] == changed


def test_what_is_deleted_there_is_gone_and_can_be_said_again(real: Real) -> None:
    real.say(cat=1)
    real.tell()
    real.studio.delete_annotation(real.there()[0]["id"])
    real.flow()
    assert real.said() == {}
    real.say(cat=1)
    real.tell()
    assert [controls_of(each) for each in real.there()] == [just({"cat": 1})]
    real.settled()


@pytest.fixture
def apart(fresh_label_studio: Path, tmp_path: Path) -> Iterator[LabelStudioProcess]:
    """A Label Studio that a test may stop."""
    data = shutil.copytree(fresh_label_studio, tmp_path / "data")
    with LabelStudioProcess(data / LABEL_STUDIO, free_port(), studio_credentials(data)) as process:
        process.wait_ready()
        yield process


def test_answers_wait_while_label_studio_is_away(sqlite_store: Store, apart: LabelStudioProcess) -> None:
    studio = apart.studio()
    number = int(studio.create_project("It goes away", build_config(LABELS))["id"])
    studio.import_tasks(number, [{"data": {"image": f"data:,{task}"}} for task in range(3)])
    real = Real(sqlite_store, studio, number)
    changed, new, undone = real.tasks
    real.say(changed, cat=1)
    real.tell()
    apart.stop()
    real.say(changed, dog=-1)
    real.say(new, tree=1)
    real.say(undone, tree=1)
    with pytest.raises(LabelStudioUnreachable):
        real.tell()
    real.undo()
    assert real.said(task=changed) == {"cat": 1, "dog": -1}
    assert real.said(task=new) == {"tree": 1}
    apart.start()
    apart.wait_ready()
    real.tell()
    assert [[controls_of(each) for each in real.there(task)] for task in real.tasks] == [
        [just({"cat": 1, "dog": -1})],
        [just({"tree": 1})],
        [],
    ]
