"""What people say of one label, and who answered which images, without looking at all there is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LIVE = sa.text("retired_at IS NULL")
INDEXES = {
    "annotations": ("project_id", "annotator", "image_id", "skipped", "unused", "suggested_version", "id"),
    "observations": ("label_id", "image_id", "value", "ground_truth", "import_id"),
}
NAMES = {"annotations": "ix_annotations_of_project", "observations": "ix_observations_of_label"}


def upgrade() -> None:
    """Some seconds for a million observations."""
    for table, columns in INDEXES.items():
        op.create_index(NAMES[table], table, columns, sqlite_where=LIVE, postgresql_where=LIVE)


def downgrade() -> None:
    """Look at all there is again."""
    for table, name in NAMES.items():
        op.drop_index(name, table)
