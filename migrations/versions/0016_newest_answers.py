"""An index by which the newest answers of a project are found without looking at all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The index alone."""
    live = sa.text("retired_at IS NULL")
    op.create_index(
        "ix_annotations_newest", "annotations", ["project_id", "id"], sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    """They are found more slowly."""
    op.drop_index("ix_annotations_newest", "annotations")
