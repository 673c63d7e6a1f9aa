"""When the first questions of a project were put into an order, before it had a version."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Projects that have no version yet are given an order, those that have one never need it."""
    op.add_column("projects", sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("projects", "ordered_at")
