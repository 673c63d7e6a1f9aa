"""A reason for the training that makes a damaged version again; whether the version in use is pinned; beats."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REASONS = "'asked for', 'new observations', 'worker lost', 'label studio back', 'images to come'"

runs = sa.table("training_runs", sa.column("reason", sa.Text()))


def upgrade() -> None:
    """Let the reason be one more; nothing is pinned, and runs have not been heard of yet."""
    _check(f"reason IN ({REASONS}, 'version damaged')")
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("version_pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("training_runs") as table:
        table.add_column(sa.Column("beats", Id, nullable=False, server_default="0"))
    with op.batch_alter_table("projects") as table:
        table.alter_column("version_pinned", existing_type=sa.Boolean(), server_default=None)
    with op.batch_alter_table("training_runs") as table:
        table.alter_column("beats", existing_type=Id, server_default=None)


def downgrade() -> None:
    """Take them back; such a training is one that somebody had to ask for."""
    with op.batch_alter_table("projects") as table:
        table.drop_column("version_pinned")
    with op.batch_alter_table("training_runs") as table:
        table.drop_column("beats")
    op.get_bind().execute(runs.update().where(runs.c.reason == "version damaged").values(reason="asked for"))
    _check(f"reason IN ({REASONS})")


def _check(condition: str) -> None:
    with op.batch_alter_table("training_runs") as table:
        table.drop_constraint(op.f("ck_training_runs_reason"), type_="check")
        table.create_check_constraint(op.f("ck_training_runs_reason"), condition)
