"""Answers on the page: what was said at once, what Label Studio has been told of it, how to undo it."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
SOURCES = "'tag', 'added', 'confirmed', 'rejected', 'complete', 'answered', 'imported'"
WORK = "'training', 'publication', 'reconcile', 'clearing', 'images'"
TELLING = "telling IN ('to be told', 'told', 'kept')"


def upgrade() -> None:
    """Nobody has answered on the page yet."""
    op.create_table(
        "page_answers",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("answered_at", Moment, nullable=False),
        sa.Column("undone_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_page_answers_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_answers")),
    )
    op.create_index("ix_page_answers_newest", "page_answers", ["project_id", "annotator", "id"])
    op.create_table(
        "page_annotations",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("annotator", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("studio_annotation", Id, nullable=True),
        sa.Column("telling", sa.Text(), nullable=False),
        sa.Column("begun_id", Id, nullable=True),
        sa.Column("tries", Id, nullable=False),
        sa.Column("try_at", Moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(TELLING, name=op.f("ck_page_annotations_telling")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_page_annotations_project_id")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_page_annotations_image_id")),
        sa.ForeignKeyConstraint(["begun_id"], ["annotations.id"], name=op.f("fk_page_annotations_begun_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page_annotations")),
        sa.UniqueConstraint("key", name=op.f("uq_page_annotations_key")),
    )
    op.create_index("ix_page_annotations_of_image", "page_annotations", ["image_id", "annotator"])
    waiting = sa.text("telling = 'to be told'")
    op.create_index(
        "ix_page_annotations_waiting",
        "page_annotations",
        ["project_id", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    with op.batch_alter_table("annotations") as table:
        for column, other in (
            ("page_annotation_id", "page_annotations"),
            ("page_answer_id", "page_answers"),
            ("replaced_id", "annotations"),
        ):
            table.add_column(sa.Column(column, Id, nullable=True))
            table.create_foreign_key(op.f(f"fk_annotations_{column}"), other, [column], ["id"])
    for column in ("page_annotation_id", "page_answer_id"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_annotations_{column}", "annotations", [column], sqlite_where=there, postgresql_where=there
        )
    with op.batch_alter_table("observations") as table:
        table.add_column(sa.Column("probability", sa.Double(), nullable=True))
    _let("observations", "source", f"source IN ({SOURCES}, 'page')")
    _let("failures", "work", f"work IN ({WORK}, 'telling')")


def downgrade() -> None:
    """What was said on the page stays, as labels that were answered by name; it cannot be undone any more."""
    op.execute("DELETE FROM failures WHERE work = 'telling'")
    op.execute("UPDATE observations SET source = 'answered' WHERE source = 'page'")
    _let("failures", "work", f"work IN ({WORK})")
    _let("observations", "source", f"source IN ({SOURCES})")
    with op.batch_alter_table("observations") as table:
        table.drop_column("probability")
    for column in ("page_annotation_id", "page_answer_id"):
        op.drop_index(f"ix_annotations_{column}", "annotations")
    with op.batch_alter_table("annotations") as table:
        for column in ("page_annotation_id", "page_answer_id", "replaced_id"):
            table.drop_constraint(op.f(f"fk_annotations_{column}"), type_="foreignkey")
            table.drop_column(column)
    op.drop_table("page_annotations")
    op.drop_table("page_answers")


def _let(name, column, condition):
    """Let a column have other values than before."""
    with op.batch_alter_table(name) as table:
        table.drop_constraint(op.f(f"ck_{name}_{column}"), type_="check")
        table.create_check_constraint(op.f(f"ck_{name}_{column}"), condition)
