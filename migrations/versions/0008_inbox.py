"""An inbox that waits for nobody; the state of every event, and its tries, in columns."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
STATES = "state IN ('waiting', 'done', 'set aside', 'dropped')"


def _index(name, condition):
    where = sa.text(condition)
    op.create_index(name, "events", ["id"], sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """What waits goes on waiting; everything else is done."""
    op.drop_index("ix_events_waiting", "events")
    with op.batch_alter_table("events") as table:
        table.add_column(sa.Column("key", sa.Text(), nullable=True))
        table.add_column(sa.Column("state", sa.Text(), nullable=False, server_default="waiting"))
        table.add_column(sa.Column("parts", Id, nullable=False, server_default="0"))
        table.add_column(sa.Column("tries", Id, nullable=False, server_default="0"))
        table.add_column(sa.Column("tried_at", Moment, nullable=True))
        table.add_column(sa.Column("tried_by", sa.Text(), nullable=True))
        table.add_column(sa.Column("retried_at", Moment, nullable=True))
    op.execute("UPDATE events SET state = 'done' WHERE processed_at IS NOT NULL")
    with op.batch_alter_table("events") as table:
        for name, kind in (("state", sa.Text()), ("parts", Id), ("tries", Id)):
            table.alter_column(name, existing_type=kind, server_default=None)
        table.create_check_constraint(op.f("ck_events_state"), STATES)
        table.create_unique_constraint(op.f("uq_events_key"), ["key"])
    _index("ix_events_waiting", "state = 'waiting'")
    _index("ix_events_set_aside", "state = 'set aside'")
    op.create_index("ix_events_received", "events", ["project_id", "received_at"])
    op.create_table(
        "arrivals",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("project_id", Id, nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("key", name=op.f("uq_arrivals_key")),
    )


def downgrade() -> None:
    """What was set aside waits again, and what was dropped is done."""
    op.drop_table("arrivals")
    op.drop_index("ix_events_received", "events")
    op.drop_index("ix_events_set_aside", "events")
    op.drop_index("ix_events_waiting", "events")
    op.execute("UPDATE events SET processed_at = tried_at WHERE state = 'dropped' AND processed_at IS NULL")
    with op.batch_alter_table("events") as table:
        table.drop_constraint(op.f("uq_events_key"), type_="unique")
        table.drop_constraint(op.f("ck_events_state"), type_="check")
        for column in ("key", "state", "parts", "tries", "tried_at", "tried_by", "retried_at"):
            table.drop_column(column)
    _index("ix_events_waiting", "processed_at IS NULL")
