"""Who archived a label, and how results write it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody knows of the labels that are archived; those had no other words than their names."""
    with op.batch_alter_table("labels") as table:
        table.add_column(sa.Column("archived_by", sa.Text(), nullable=True))
        table.add_column(sa.Column("alias", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("labels") as table:
        table.drop_column("alias")
        table.drop_column("archived_by")
