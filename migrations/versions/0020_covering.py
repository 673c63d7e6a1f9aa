"""Indexes of what is live hold all that is asked of it: no row has to be looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ANSWERS = ["project_id", "annotator", "image_id", "skipped", "unused", "suggested_version", "id"]
VOTES = ["label_id", "image_id", "value", "ground_truth", "import_id"]


def upgrade() -> None:
    """SQLite looks a row up for the column of an index's condition, unless the index holds it too."""
    _index("ix_images_live", "images", ["project_id", "id", "removed_at"], "removed_at IS NULL")
    _again("ix_annotations_of_project", "annotations", [*ANSWERS, "retired_at"])
    _again("ix_observations_of_label", "observations", [*VOTES, "retired_at"])


def downgrade() -> None:
    """Look rows up."""
    _again("ix_observations_of_label", "observations", VOTES)
    _again("ix_annotations_of_project", "annotations", ANSWERS)
    op.drop_index("ix_images_live", "images")


def _again(name, table, columns):
    op.drop_index(name, table)
    _index(name, table, columns, "retired_at IS NULL")


def _index(name, table, columns, condition):
    live = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=live, postgresql_where=live)
