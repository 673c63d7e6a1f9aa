"""A reason for the training that makes a damaged version again."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

REASONS = "'asked for', 'new observations', 'worker lost', 'label studio back', 'images to come'"

runs = sa.table("training_runs", sa.column("reason", sa.Text()))


def upgrade() -> None:
    """Let the reason be one more."""
    _check(f"reason IN ({REASONS}, 'version damaged')")


def downgrade() -> None:
    """Take it back; such a training is one that somebody had to ask for."""
    op.get_bind().execute(runs.update().where(runs.c.reason == "version damaged").values(reason="asked for"))
    _check(f"reason IN ({REASONS})")


def _check(condition: str) -> None:
    with op.batch_alter_table("training_runs") as table:
        table.drop_constraint(op.f("ck_training_runs_reason"), type_="check")
        table.create_check_constraint(op.f("ck_training_runs_reason"), condition)
