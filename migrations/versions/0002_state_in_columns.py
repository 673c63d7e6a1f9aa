"""State out of JSON and prose: publications, snapshots, failures, reasons and calibrations become columns."""

import datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True)
Moment = sa.DateTime(timezone=True)

LOST_STAGE = "the worker stopped in the middle"
REASONS = {
    "asked for": "asked for",
    "new observations": "new observations",
    f"again: {LOST_STAGE}": "worker lost",
    "again: Label Studio answers": "label studio back",
}
PUBLICATIONS = ("published", "overtaken", "publishing")  # the furthest that was noted counts
FAILURE = "failure IN ('error', 'lost', 'unreached')"
REASON = "reason IN ('asked for', 'new observations', 'worker lost', 'label studio back')"
PUBLICATION = "publication IN ('none', 'publishing', 'published', 'overtaken')"

versions = sa.table(
    "model_versions",
    sa.column("id", Id),
    sa.column("metrics", Json),
    sa.column("calibration_scale", Json),
    sa.column("calibration_offset", Json),
    sa.column("publication", sa.Text()),
    sa.column("published_at", Moment),
)
runs = sa.table(
    "training_runs",
    sa.column("id", Id),
    sa.column("state", sa.Text()),
    sa.column("stage", sa.Text()),
    sa.column("reason", sa.Text()),
    sa.column("metrics", Json),
    sa.column("failure", sa.Text()),
    sa.column("snapshot_changes", Id),
    sa.column("snapshot_images", Id),
    sa.column("snapshot_labels", Json),
)


def upgrade() -> None:
    with op.batch_alter_table("model_versions") as table:
        table.add_column(sa.Column("calibration_scale", Json, nullable=True))
        table.add_column(sa.Column("calibration_offset", Json, nullable=True))
        table.add_column(sa.Column("publication", sa.Text(), nullable=True))
        table.add_column(sa.Column("published_at", Moment, nullable=True))
    with op.batch_alter_table("training_runs") as table:
        table.add_column(sa.Column("failure", sa.Text(), nullable=True))
        table.add_column(sa.Column("snapshot_changes", Id, nullable=True))
        table.add_column(sa.Column("snapshot_images", Id, nullable=True))
        table.add_column(sa.Column("snapshot_labels", Json, nullable=True))
    bind = op.get_bind()
    for row in bind.execute(sa.select(versions.c.id, versions.c.metrics)).all():
        bind.execute(versions.update().where(versions.c.id == row.id).values(_version_columns(row.metrics)))
    for row in bind.execute(sa.select(runs)).all():
        bind.execute(runs.update().where(runs.c.id == row.id).values(_run_columns(row)))
    with op.batch_alter_table("model_versions") as table:
        table.alter_column("publication", existing_type=sa.Text(), nullable=False)
        table.create_check_constraint(op.f("ck_model_versions_publication"), PUBLICATION)
    with op.batch_alter_table("training_runs") as table:
        table.create_check_constraint(op.f("ck_training_runs_reason"), REASON)
        table.create_check_constraint(op.f("ck_training_runs_failure"), FAILURE)


def _version_columns(metrics):
    kept = dict(metrics)
    calibration = kept.pop("calibration", None) or {}
    noted = {name: kept.pop(name) for name in PUBLICATIONS if name in kept}
    publication = next((name for name in PUBLICATIONS if name in noted), "none")
    moment = noted.get("published")
    return {
        "metrics": kept,
        "calibration_scale": calibration.get("scale"),
        "calibration_offset": calibration.get("offset"),
        "publication": publication,
        "published_at": datetime.datetime.fromisoformat(moment) if moment else None,
    }


def _run_columns(row):
    kept = dict(row.metrics)
    kept.pop("calibration", None)  # a copy of its version's
    footprint = kept.pop("footprint", None) or {}
    unreached = kept.pop("label studio unreached", False)
    failure = None
    if row.state == "failed":
        failure = "lost" if row.stage == LOST_STAGE else "unreached" if unreached else "error"
    return {
        "metrics": kept,
        "reason": REASONS.get(row.reason, "asked for"),
        "failure": failure,
        "snapshot_changes": footprint.get("changes"),
        "snapshot_images": footprint.get("images"),
        "snapshot_labels": footprint.get("labels"),
    }


def downgrade() -> None:
    bind = op.get_bind()
    for row in bind.execute(sa.select(versions)).all():
        metrics = dict(row.metrics)
        if row.calibration_scale is not None:
            metrics["calibration"] = {"scale": row.calibration_scale, "offset": row.calibration_offset}
        if row.publication != "none":
            moment = row.published_at or datetime.datetime.now(datetime.UTC)
            metrics[row.publication] = moment.replace(tzinfo=moment.tzinfo or datetime.UTC).isoformat()
        bind.execute(versions.update().where(versions.c.id == row.id).values(metrics=metrics))
    prose = {value: text for text, value in REASONS.items()}
    for row in bind.execute(sa.select(runs)).all():
        metrics = dict(row.metrics)
        if row.snapshot_changes is not None:
            metrics["footprint"] = {
                "changes": row.snapshot_changes,
                "images": row.snapshot_images,
                "labels": row.snapshot_labels,
            }
        if row.failure == "unreached":
            metrics["label studio unreached"] = True
        stage = LOST_STAGE if row.failure == "lost" else row.stage
        bind.execute(runs.update().where(runs.c.id == row.id).values(metrics=metrics, stage=stage))
    with op.batch_alter_table("training_runs") as table:
        table.drop_constraint(op.f("ck_training_runs_reason"), type_="check")
        table.drop_constraint(op.f("ck_training_runs_failure"), type_="check")
        for column in ("failure", "snapshot_changes", "snapshot_images", "snapshot_labels"):
            table.drop_column(column)
    for value, text in prose.items():
        bind.execute(runs.update().where(runs.c.reason == value).values(reason=text))
    with op.batch_alter_table("model_versions") as table:
        table.drop_constraint(op.f("ck_model_versions_publication"), type_="check")
        for column in ("calibration_scale", "calibration_offset", "publication", "published_at"):
            table.drop_column(column)
