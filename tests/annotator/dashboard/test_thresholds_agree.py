"""An estimate is at its threshold for every view and for exports, or for none of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from annotator.dashboard import Page
from annotator.dashboard.catalog import Find, Search
from annotator.dashboard.export_contents import export_contents
from annotator.dashboard.flips import Side, compare
from annotator.dashboard.label_figures import label_figures
from annotator.dashboard.measures import threshold_steps
from annotator.dashboard.one_image import one_image
from annotator.dashboard.tiles import tiles
from annotator.exchange import EXPORTS, export_project
from annotator.store import Image, Observation, Project, live_labels
from tests.annotator.dashboard.made_versions import add_version

IMAGES = 5


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9, 0.9999])
@pytest.mark.parametrize("case", [(0.0, True), (-0.001, False)])
def test_all_agree_on_what_reaches_a_threshold(
    page: Page,
    project: Project,
    browser: FlaskClient,
    tmp_path: Path,
    case: tuple[float, bool],
    threshold: float,
) -> None:
    """case: how far the estimate is from the threshold, and whether it reaches that."""
    beside, reached = case
    estimate = float(np.float32(threshold + beside))
    with page.store.session() as session:
        before = add_version(session, project, "v1", [[0.5] * 3] * IMAGES, [threshold] * 3)
        version = add_version(session, project, "v2", [[estimate, 0.5, 0.5]] * IMAGES, [threshold] * 3)
    expected = IMAGES if reached else 0
    with page.store.reading() as session:
        label = live_labels(session, project.id)[0]
        found = page.catalog.find(session, project, Search(find=Find.MISSING))
        everything = page.catalog.find(session, project, Search())
        shown = [tile.chips[0].suggested for tile in tiles(session, everything, 0, IMAGES)]
        image = session.get_one(Image, int(everything.image_ids[0]))
        estimates = [page.catalog.estimates(session, each) for each in (before, version)]
        assert estimates[0] is not None
        assert estimates[1] is not None
        old, new = (Side(each, {label.id: threshold}) for each in estimates if each is not None)
        contents = export_contents(session, page.catalog, project.id, version)
        assert contents is not None
        ours = session.get_one(Project, project.id)
        export_project(session, ours, EXPORTS["jsonl"], tmp_path / "labels.jsonl")
        chances = np.full(IMAGES, estimate, dtype=np.float32)
        told = {
            "found": len(found.image_ids),
            "tiles": sum(shown),
            "image": IMAGES * one_image(session, image, version).rows[0].suggested,
            "flips": compare(old, new, [label], most=0).flipped,
            "contents": contents.labels[0].likely_present,
            "label figures": label_figures(session, project.id, 0.0).labels[0].suggests,
            "threshold steps": threshold_steps(chances, chances, chances > 0, [threshold])[0].images,
            "export": _decided_present(tmp_path / "labels.jsonl", label.name),
        }
    assert told == dict.fromkeys(told, expected)
    form = {"image": everything.image_ids.tolist(), "say": "suggested", "version": "v2"}
    answer = browser.post(f"/page/{project.key}/answer", data=form)
    assert (answer.status_code < 400) is reached
    with page.store.reading() as session:
        assert session.query(Observation).count() == expected


def _decided_present(file: Path, label: str) -> int:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return sum(row["decisions"][label] == "present" for row in rows)
