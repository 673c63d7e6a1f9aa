"""Moments by Label Studio's clock: of the label config, of its labels, of pages; and what was compared until when."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the table; a label is believed to have been seen from when it came to the store."""
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("config_at", Moment, nullable=True))
    with op.batch_alter_table("labels") as table:
        table.add_column(sa.Column("seen_from", Moment, nullable=True))
    op.execute("UPDATE labels SET seen_from = created_at")
    with op.batch_alter_table("annotations") as table:
        table.add_column(sa.Column("opened_at", Moment, nullable=True))
    op.create_table(
        "reconciliations",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("until", Moment, nullable=True),
        sa.Column("done_at", Moment, nullable=False),
        sa.Column("full_at", Moment, nullable=False),
        sa.Column("tasks_apart", Id, nullable=False),
        sa.Column("answers_apart", Id, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_reconciliations_project_id")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_reconciliations")),
    )


def downgrade() -> None:
    """Take them back; the next comparison with Label Studio is a whole one."""
    op.drop_table("reconciliations")
    with op.batch_alter_table("annotations") as table:
        table.drop_column("opened_at")
    with op.batch_alter_table("labels") as table:
        table.drop_column("seen_from")
    with op.batch_alter_table("projects") as table:
        table.drop_column("config_at")
