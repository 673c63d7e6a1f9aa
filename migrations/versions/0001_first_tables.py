"""The first tables: projects, what people said, what was learned."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True)
Moment = sa.DateTime(timezone=True)
ACTIVE_VERSION = "fk_projects_active_version_id"


def where(condition):
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", Id, nullable=False),
        sa.Column("studio_url", sa.Text(), nullable=True),
        sa.Column("studio_project", Id, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("label_config", sa.Text(), nullable=False),
        sa.Column("expected_positives", sa.Double(), nullable=True),
        sa.Column("active_version_id", Id, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("expected_positives > 0", name=op.f("ck_projects_expected_positives")),
        sa.ForeignKeyConstraint(
            ["active_version_id"], ["model_versions.id"], name=ACTIVE_VERSION, use_alter=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint(
            "studio_url", "studio_project", name=op.f("uq_projects_studio_url_studio_project")
        ),
    )
    op.create_table(
        "deletions",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("studio_annotation", Id, autoincrement=False, nullable=False),
        sa.Column("deleted_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_deletions_project_id")),
        sa.PrimaryKeyConstraint("project_id", "studio_annotation", name=op.f("pk_deletions")),
    )
    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("processed_at", Moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_events_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_waiting", "events", ["id"], **where("processed_at IS NULL"))
    op.create_table(
        "images",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("studio_task", Id, nullable=True),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("width", Id, nullable=True),
        sa.Column("height", Id, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("removed_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_images_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("project_id", "studio_task", name=op.f("uq_images_project_id_studio_task")),
    )
    op.create_index(op.f("ix_images_project_id_id"), "images", ["project_id", "id"])
    op.create_table(
        "labels",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", Id, nullable=False),
        sa.Column("archived_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_labels_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_labels_project_id_name")),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("label_ids", Json, nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("backbone", sa.Text(), nullable=False),
        sa.Column("recipe", Json, nullable=False),
        sa.Column("thresholds", Json, nullable=False),
        sa.Column("metrics", Json, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_model_versions_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_model_versions_project_id_name")),
    )
    op.create_table(
        "annotations",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("studio_annotation", Id, nullable=True),
        sa.Column("revision", Id, nullable=False),
        sa.Column("result", Json, nullable=False),
        sa.Column("skipped", sa.Boolean(), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=True),
        sa.Column("lead_time", sa.Double(), nullable=True),
        sa.Column("suggested_version", sa.Text(), nullable=True),
        sa.Column("suggested", Json, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("retired_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_annotations_image_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_annotations_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotations")),
        sa.UniqueConstraint(
            "project_id",
            "studio_annotation",
            "revision",
            name=op.f("uq_annotations_project_id_studio_annotation_revision"),
        ),
    )
    op.create_index("ix_annotations_image_id", "annotations", ["image_id"])
    op.create_index(
        "uq_annotations_live",
        "annotations",
        ["project_id", "studio_annotation"],
        unique=True,
        **where("retired_at IS NULL"),
    )
    op.create_table(
        "label_vectors",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("probabilities", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_label_vectors_image_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_label_vectors_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "image_id", name=op.f("pk_label_vectors")),
    )
    op.create_table(
        "suggestions",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("cluster", Id, nullable=False),
        sa.Column("pushed_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_suggestions_image_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_suggestions_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "image_id", name=op.f("pk_suggestions")),
    )
    op.create_index("ix_suggestions_order", "suggestions", ["version_id", "score"])
    op.create_table(
        "training_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("queued_at", Moment, nullable=False),
        sa.Column("started_at", Moment, nullable=True),
        sa.Column("heartbeat_at", Moment, nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.Column("observations", Id, nullable=False),
        sa.Column("recipe", Json, nullable=False),
        sa.Column("metrics", Json, nullable=False),
        sa.Column("version_id", Id, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_training_runs_state")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_training_runs_progress")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_training_runs_project_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_training_runs_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
    )
    op.create_index(
        "uq_training_runs_open",
        "training_runs",
        ["project_id"],
        unique=True,
        **where("state IN ('queued', 'running')"),
    )
    op.create_table(
        "observations",
        sa.Column("id", Id, nullable=False),
        sa.Column("annotation_id", Id, nullable=True),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("label_id", Id, nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("annotator", sa.Text(), nullable=True),
        sa.Column("lead_time", sa.Double(), nullable=True),
        sa.Column("suggested_version", sa.Text(), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("retired_at", Moment, nullable=True),
        sa.CheckConstraint(
            "source IN ('tag', 'added', 'confirmed', 'rejected', 'complete', 'imported')",
            name=op.f("ck_observations_source"),
        ),
        sa.CheckConstraint("value IN (-1, 1)", name=op.f("ck_observations_value")),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotations.id"], name=op.f("fk_observations_annotation_id")
        ),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_observations_image_id")),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name=op.f("fk_observations_label_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
        sa.UniqueConstraint("annotation_id", "label_id", name=op.f("uq_observations_annotation_id_label_id")),
    )
    op.create_index(
        "ix_observations_active",
        "observations",
        ["image_id", "label_id", "value"],
        **where("retired_at IS NULL"),
    )
    if op.get_bind().dialect.supports_alter:  # SQLite has the reference in its table already
        op.create_foreign_key(ACTIVE_VERSION, "projects", "model_versions", ["active_version_id"], ["id"])


def downgrade() -> None:
    if op.get_bind().dialect.supports_alter:
        op.drop_constraint(ACTIVE_VERSION, "projects", type_="foreignkey")
    op.drop_table("observations")
    op.drop_table("training_runs")
    op.drop_table("suggestions")
    op.drop_table("label_vectors")
    op.drop_table("annotations")
    op.drop_table("model_versions")
    op.drop_table("labels")
    op.drop_table("images")
    op.drop_table("events")
    op.drop_table("deletions")
    op.drop_table("projects")
