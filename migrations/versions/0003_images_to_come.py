"""A reason for the training that follows a first one, on the images whose features were still to come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD = "reason IN ('asked for', 'new observations', 'worker lost', 'label studio back')"
NEW = "reason IN ('asked for', 'new observations', 'worker lost', 'label studio back', 'images to come')"

runs = sa.table("training_runs", sa.column("reason", sa.Text()))


def upgrade() -> None:
    """Let the reason be one more."""
    _check(NEW)


def downgrade() -> None:
    """Take the reason back; such a training looked at new images, as those for new observations do."""
    op.get_bind().execute(
        runs.update().where(runs.c.reason == "images to come").values(reason="new observations")
    )
    _check(OLD)


def _check(condition: str) -> None:
    with op.batch_alter_table("training_runs") as table:
        table.drop_constraint(op.f("ck_training_runs_reason"), type_="check")
        table.create_check_constraint(op.f("ck_training_runs_reason"), condition)
