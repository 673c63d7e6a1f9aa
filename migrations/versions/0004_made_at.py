"""When Label Studio made a project, which tells it whatever its address; and when a label came."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moments; projects learn theirs when they are next compared, labels were there from the start."""
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("studio_created_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("labels") as table:
        table.add_column(sa.Column("created_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take them out: an address and a number name a project again."""
    with op.batch_alter_table("labels") as table:
        table.drop_column("created_at")
    with op.batch_alter_table("projects") as table:
        table.drop_column("studio_created_at")
