"""When Label Studio made a project: with its number this tells it from every other, at whatever address."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment; the projects that are there learn theirs when they are next compared."""
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("studio_created_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take it out: an address and a number name a project again."""
    with op.batch_alter_table("projects") as table:
        table.drop_column("studio_created_at")
