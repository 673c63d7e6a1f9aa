"""A reason for the training that makes a damaged version again; whether the version in use is pinned."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

REASONS = "'asked for', 'new observations', 'worker lost', 'label studio back', 'images to come'"

runs = sa.table("training_runs", sa.column("reason", sa.Text()))


def upgrade() -> None:
    """Let the reason be one more; nothing is pinned."""
    _check(f"reason IN ({REASONS}, 'version damaged')")
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("version_pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("projects") as table:
        table.alter_column("version_pinned", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    """Take them back; such a training is one that somebody had to ask for."""
    with op.batch_alter_table("projects") as table:
        table.drop_column("version_pinned")
    op.get_bind().execute(runs.update().where(runs.c.reason == "version damaged").values(reason="asked for"))
    _check(f"reason IN ({REASONS})")


def _check(condition: str) -> None:
    with op.batch_alter_table("training_runs") as table:
        table.drop_constraint(op.f("ck_training_runs_reason"), type_="check")
        table.create_check_constraint(op.f("ck_training_runs_reason"), condition)
