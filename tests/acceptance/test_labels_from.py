"""`onetag up FOLDER --labels-from FILE`, in a data folder whose project began without Label Studio."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from annotator.labelstudio.config import parse_config
from annotator.labelstudio.label_changes import LabelChanger
from annotator.store import Image, Label, Observation, Project, Store
from model_backend.demo.scenes import NAMES, write_scenes
from tests.acceptance.conftest import Up

pytestmark = [pytest.mark.studio, pytest.mark.timeout(600)]


class UpFrom(Up):
    """An `onetag up` that gets its labels from a file alone."""

    labels_from: Path

    def command(self, *more: str) -> list[str]:
        up = [sys.executable, "-m", "model_backend.cli", "up", str(self.images)]
        up += ["--labels-from", str(self.labels_from), "--as", "verified", "--data-dir", str(self.data_dir)]
        ports = ["--studio-port", str(self.studio_port), "--port", str(self.port)]
        return [*up, *ports, "--backbone", "handcrafted", "--retrain-after", "1000", *more]


def known(store: Store) -> dict[str, dict[str, int]]:
    with store.reading() as session:
        rows = session.execute(
            select(Image.uri, Label.name, Observation.value)
            .join_from(Observation, Image)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.retired_at.is_(None))
        )
        found: dict[str, dict[str, int]] = {}
        for uri, name, value in rows:
            found.setdefault(uri.rpartition("/")[2], {})[name] = value
    return found


def test_a_project_without_label_studio_goes_on_in_one(tmp_path: Path, fresh_label_studio: Path) -> None:
    write_scenes(tmp_path / "set", 5, 1, seed=3)
    images = tmp_path / "set" / "images"
    (images / "drawing.tif").write_bytes((images / "scene-00000.png").read_bytes())
    up = UpFrom(images, tmp_path / "data")
    up.labels_from = tmp_path / "second.csv"
    up.labels_from.write_text(f"image,{NAMES[1]},wheel\nscene-00001.png,0,1\nscene-00002.png,1,\n")
    first = tmp_path / "first.csv"
    first.write_text(f"image,label\nscene-00000.png,{NAMES[0]}\nscene-00002.png,{NAMES[0]}\n")
    begun = up.onetag("import", str(first), "--images", str(images), "--json")
    assert json.loads(begun.stdout)["present"] == 2, begun.stderr
    shutil.copytree(fresh_label_studio, up.data_dir, dirs_exist_ok=True)
    try:
        up.start()
        up.await_ready()
        said = "".join(up.lines)
        assert "The labels that were imported without Label Studio are this project's now." in said
        assert "second.csv (csv, verified)" in said
        assert "Added 2 present and 1 absent" in said
        store, studio = up.store(), up.studio()
        (number,) = [row["id"] for row in studio.projects()]
        labels = parse_config(studio.project(number)["label_config"]).labels
        assert labels == (NAMES[0], NAMES[1], "wheel")
        with store.reading() as session:
            (project,) = session.scalars(select(Project)).all()
            tasks = set(session.scalars(select(Image.studio_task).where(Image.removed_at.is_(None))))
            gone = session.scalars(select(Image.uri).where(Image.removed_at.is_not(None))).all()
            assert session.scalar(select(func.count(Image.id))) == 7
        assert (project.studio_project, project.studio_url, project.image_folder) == (
            number,
            studio.url,
            None,
        )
        assert tasks == {task["id"] for task in studio.tasks(number)}
        assert gone == ["drawing.tif"]
        assert known(store) == {
            "scene-00000.png": {NAMES[0]: 1},
            "scene-00001.png": {NAMES[1]: -1, "wheel": 1},
            "scene-00002.png": {NAMES[0]: 1, NAMES[1]: 1},
        }
        more = tmp_path / "third.csv"
        more.write_text("image,labels\nscene-00003.png,new\n")
        added = up.onetag("import", str(more), "--add-labels", "--json")
        assert json.loads(added.stdout)["new_labels"] == ["new"], added.stderr
        assert parse_config(studio.project(number)["label_config"]).labels[-1] == "new"
        assert known(store)["scene-00003.png"] == {"new": 1}
        edited = studio.project(number)["label_config"].replace('size="5"', 'size="4"')
        studio.update_project(number, label_config=edited)
        more.write_text("image,labels\nscene-00003.png,another\n")
        refused = up.onetag("import", str(more), "--add-labels")
        assert refused.returncode == 1
        assert "was edited by a person" in refused.stderr
        store.close()
    finally:
        up.clean()


def test_the_same_command_again_undoes_nothing_that_people_did_to_labels(
    tmp_path: Path, fresh_label_studio: Path
) -> None:
    write_scenes(tmp_path / "set", 3, 1, seed=3)
    up = UpFrom(tmp_path / "set" / "images", tmp_path / "data")
    up.labels_from = tmp_path / "labels.csv"
    up.labels_from.write_text("image,car,boat,wheel\nscene-00000.png,1,1,0\nscene-00001.png,0,1,\n")
    shutil.copytree(fresh_label_studio, up.data_dir)
    first, second = {"car": 1, "wheel": -1}, {"car": -1}
    try:
        up.start()
        up.await_ready()
        store, studio = up.store(), up.studio()
        assert known(store) == {
            "scene-00000.png": first | {"boat": 1},
            "scene-00001.png": second | {"boat": 1},
        }
        changer = LabelChanger(store, studio, "Ann")
        with store.reading() as session:
            labels = {label.name: label for label in session.scalars(select(Label))}
        changer.rename(labels["boat"], "ship")
        changer.archive(labels["wheel"])
        assert up.interrupt() == 0
        up.start()
        up.await_ready()
        said = "".join(up.lines)
        assert "Archived on the page, and left so: wheel." in said
        assert "boat (ship now)" in said
        assert "Added 0 present and 0 absent; 4 were there already, and 0" in said
        (number,) = [row["id"] for row in studio.projects()]
        assert parse_config(studio.project(number)["label_config"]).labels == ("car", "ship")
        changer.bring_back(labels["wheel"])
        assert known(store) == {
            "scene-00000.png": first | {"ship": 1},
            "scene-00001.png": second | {"ship": 1},
        }
        store.close()
    finally:
        up.clean()
