"""What a worker does: the inbox, the trainings, and finding what was lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from annotator.backend_url import page_url
from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioUnauthorized
from annotator.labelstudio.keeping import keep_screen
from annotator.labelstudio.reconcile import reconcile
from annotator.settings import Settings, renewed
from annotator.store import (
    ModelVersion,
    Project,
    RunReason,
    Store,
    TrainingRun,
    due_projects,
    fail_lost_runs,
    idle_seconds,
    last_snapshot,
    next_queued_run,
    queue_run,
    take_snapshot,
    unreached_runs,
)
from annotator.store.last_failures import remembered
from annotator.store.page_annotations import projects_to_be_told
from annotator.store.states import Work
from annotator.store.watch import Watch
from model_backend.engine.look_again import look_again
from model_backend.engine.publish import clear_old, publish_if_possible, title_backends, unpublished
from model_backend.engine.resources import LearningResources
from model_backend.engine.retrain_policy import Decision, decide
from model_backend.engine.runs import Stopped
from model_backend.engine.train import train_run
from model_backend.engine.versions import prune
from model_backend.errors import LearningError
from model_backend.log_context import about
from model_backend.worker.first_orders import FirstOrders
from model_backend.worker.inbox import InboxOutcome, process_inbox
from model_backend.worker.layouts import Layouts
from model_backend.worker.single_flight import SingleFlight
from model_backend.worker.telling import tell_projects
from model_backend.worker.thresholds import adjust_projects

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio

TRY_AGAIN_SECONDS = 60.0  # after Label Studio could not be reached
LONGEST_PAUSE = 3600.0  # seconds, after it has refused the token again and again; `connect` brings another

log = logging.getLogger(__name__)


class Jobs:
    """The work behind each message of the queue, for one worker process."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        studio: Studio | None,
        resources: LearningResources,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._settings = settings
        self._studio = studio
        self._resources = resources
        self._stop = stop or threading.Event()
        self._watch = Watch(clock)
        self._inbox = SingleFlight()
        self._trainings = SingleFlight()
        self._reconciling = SingleFlight()
        self._telling = SingleFlight()
        self._adjusting = SingleFlight()
        self._looking_again = threading.Lock()
        self._layouts = Layouts(store, resources, self._stop)
        self._first_orders = FirstOrders(store, resources, studio, self._stop)
        self._publishing: dict[int, SingleFlight] = {}  # by project
        self._ask_studio_from = 0.0
        self._pause = TRY_AGAIN_SECONDS

    def process_inbox(self) -> InboxOutcome:
        """Process the recorded events, in order."""
        outcome = InboxOutcome()

        def work() -> None:
            found = process_inbox(self._store)
            outcome.projects |= found.projects
            outcome.reconcile |= found.reconcile

        self._inbox.run(work)
        return outcome

    def consider(self, project_id: int) -> Decision:
        """Decide whether a training is due, and queue it when it is."""
        with self._store.reading() as session:
            decision = decide(
                take_snapshot(session, project_id),
                last_snapshot(session, project_id),
                idle=idle_seconds(session, project_id),
                retrain_after=self._settings.retrain_after,
                retrain_idle=self._settings.retrain_idle,
            )
        if decision.queued:
            with self._store.session() as session:
                if queue_run(session, project_id, RunReason.NEW_OBSERVATIONS) is not None:
                    log.info("A training is queued: new observations.")
        return decision

    def train(self) -> Iterable[int]:
        """Run every queued training; returns their projects."""
        trained: set[int] = set()
        self._trainings.run(lambda: trained.update(self._train_all()))
        return sorted(trained)

    def tidy(self, project_id: int) -> None:
        """Bring backend's title and screen up to date, and clear what older versions left behind."""
        if self._studio is not None:
            try:
                with remembered(self._store, project_id, Work.CLEARING):
                    self._clear(project_id, self._studio)
            except OnetagError as error:
                log.warning("Old predictions stay in Label Studio for now: %s", error)
            self._keep_screen(project_id, self._studio)
        prune(self._store, self._settings, project_id)

    def _clear(self, project_id: int, studio: Studio) -> None:
        secret = renewed(self._settings).secret  # it may have been rotated
        if secret is not None:
            title_backends(self._store, project_id, studio, secret)
        clear_old(self._store, project_id, studio)

    def _keep_screen(self, project_id: int, studio: Studio) -> None:
        with self._store.reading() as session:
            if session.get_one(Project, project_id).studio_url != studio.url:
                return
        try:
            keep_screen(self._store, studio, project_id, page_url(renewed(self._settings)))
        except OnetagError as error:
            log.warning("The labelling screen stays as it is for now: %s", error)

    def check(self) -> Iterable[int]:
        """Find lost trainings, and do what Label Studio kept from being done; returns all projects."""
        with self._store.session() as session:
            fail_lost_runs(session, self._watch)
        if self._studio is not None and time.monotonic() >= self._ask_studio_from:
            try:
                self._retry(self._studio)
                self._publish_the_rest(self._studio)
            except OnetagError as error:
                self._put_off(error)
            else:
                self._pause = TRY_AGAIN_SECONDS
        with self._store.reading() as session:
            return list(session.scalars(select(Project.id)))

    def _put_off(self, error: OnetagError) -> None:
        """Leave Label Studio alone for a while; longer each time where only a new token helps."""
        log.warning("Label Studio is asked again in %.0f min: %s", self._pause / 60, error)
        self._ask_studio_from = time.monotonic() + self._pause
        if isinstance(error, LabelStudioUnauthorized):
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def tell(self) -> Iterable[int]:
        """Tell Label Studio what was said on the page; returns the projects that it was said of."""
        with self._store.reading() as session:
            said = projects_to_be_told(session)
        studio = self._studio
        if said and studio is not None and time.monotonic() >= self._ask_studio_from:
            try:
                self._telling.run(lambda: tell_projects(self._store, studio, said, self._stop))
            except OnetagError as error:
                self._put_off(error)
        return said

    def adjust_thresholds(self) -> Iterable[int]:
        """Bring thresholds that people set into use, and publish them; returns the projects."""
        adjusted: set[int] = set()
        self._adjusting.run(
            lambda: adjusted.update(adjust_projects(self._store, self._resources, self._stop))
        )
        for project_id in adjusted:
            self._publish(project_id)
        return sorted(adjusted)

    def reconcile(self) -> Iterable[int]:
        """Compare the store with Label Studio, and clear what is old there; returns the projects."""
        compared: set[int] = set()
        self._reconciling.run(lambda: compared.update(self._reconcile_all()))
        return sorted(compared)

    def order_first_due(self) -> bool:
        """Whether the first questions of a project have to be put into an order, and nobody is at it."""
        return self._first_orders.due() and time.monotonic() >= self._ask_studio_from

    def order_first(self) -> None:
        """Put the first questions of projects into an order, behind everything else."""
        self._first_orders.run()

    def lay_out_due(self) -> bool:
        """Whether the map of a project has to be computed, and nobody is at it."""
        return self._layouts.due()

    def lay_out(self) -> None:
        """Compute the maps that are due, behind everything else."""
        self._layouts.run()

    def look_again_due(self) -> bool:
        """Whether images wait to be read again, and nobody is at it."""
        if self._looking_again.locked() or time.monotonic() < self._ask_studio_from:
            return False
        with self._store.reading() as session:
            return bool(due_projects(session))

    def look_again(self) -> None:
        """Read the images that are due again, and queue trainings with those that can be used now."""
        if not self._looking_again.acquire(blocking=False):
            return
        try:
            with self._store.reading() as session:
                due = due_projects(session)
            for project_id in due:
                with about(project=project_id):
                    self._look_again(project_id)
        except Stopped:
            log.info("Images are looked at again later: the worker stops.")
        except (OnetagError, LearningError) as error:
            log.warning("Images have to be looked at again later: %s", error)
            self._ask_studio_from = time.monotonic() + TRY_AGAIN_SECONDS
        finally:
            self._looking_again.release()

    def _look_again(self, project_id: int) -> None:
        back = 0
        with remembered(self._store, project_id, Work.IMAGES, (OnetagError, LearningError)):
            for found in look_again(self._store, self._resources, project_id):
                back += found
                if self._stop.is_set():
                    break
        with self._store.session() as session:
            # Before the first training they come with it.
            if back and last_snapshot(session, project_id) is not None:
                queue_run(session, project_id, RunReason.IMAGES_TO_COME)

    def _train_all(self) -> Iterable[int]:
        tried: set[int] = set()
        while not self._stop.is_set():
            with self._store.reading() as session:
                run = next_queued_run(session)
            if run is None or run.id in tried:  # one that could not even be started waits for the next check
                return
            tried.add(run.id)
            with about(project=run.project_id):
                self._train_one(run)
            if not self._stop.is_set():
                yield run.project_id

    def _train_one(self, run: TrainingRun) -> None:
        log.info("Training run %d begins: %s.", run.id, run.reason)
        try:
            version = train_run(self._store, self._resources, run.id, stop=self._stop)
            log.info("Training run %d made version %s.", run.id, version.name)
            self._publish(run.project_id)
            self._go_on_with_the_rest(version)
        except Stopped:
            log.info("Training run %d goes back to the queue: the worker stops.", run.id)
        except (OnetagError, LearningError) as error:
            log.warning("Training run %d failed: %s", run.id, error)
        except Exception:
            log.exception("Training run %d failed.", run.id)

    def _go_on_with_the_rest(self, version: ModelVersion) -> None:
        """Queue a training on all images after one that took only those that were soon ready."""
        if not version.metrics["waiting"]:
            return
        log.info("%d images of project %d are still to come.", version.metrics["waiting"], version.project_id)
        with self._store.session() as session:
            queue_run(session, version.project_id, RunReason.IMAGES_TO_COME)

    def _retry(self, studio: Studio) -> None:
        """Queue the trainings again that failed because Label Studio was down, now that it answers."""
        with self._store.reading() as session:
            if not unreached_runs(session):
                return
        studio.whoami()  # a refused token, too, would fail them all again
        with self._store.session() as session:
            for run in unreached_runs(session):
                queue_run(session, run.project_id, RunReason.LABEL_STUDIO_BACK, dict(run.recipe))

    def _publish_the_rest(self, studio: Studio) -> None:
        with self._store.reading() as session:
            waiting = unpublished(session, studio.url)
        for project_id in waiting:
            if not self._publish(project_id):
                self._ask_studio_from = time.monotonic() + TRY_AGAIN_SECONDS

    def _publish(self, project_id: int) -> bool:
        """Publish the active version, one thread at a time; False when Label Studio did not take it."""
        published = True

        def work() -> None:
            nonlocal published
            if self._studio is not None:
                with about(project=project_id):
                    published = publish_if_possible(self._store, self._settings, project_id, self._studio)

        self._publishing.setdefault(project_id, SingleFlight()).run(work)
        return published

    def _reconcile_all(self) -> Iterable[int]:
        if self._studio is None:
            return
        with self._store.reading() as session:
            ours = (Project.studio_url == self._studio.url, Project.studio_project.is_not(None))
            projects = list(session.scalars(select(Project.id).where(*ours).order_by(Project.id)))
        for project_id in projects:
            with about(project=project_id):
                compared = self._reconcile(self._studio, project_id)
                self._keep_screen(project_id, self._studio)
            if compared:
                yield project_id

    def _reconcile(self, studio: Studio, project_id: int) -> bool:
        """Compare one project with Label Studio; whether that came to its end."""
        try:
            reconcile(self._store, studio, project_id)
        except (OnetagError, SQLAlchemyError) as error:
            log.warning("Project %d could not be compared with Label Studio: %s", project_id, error)
            return False
        return True
