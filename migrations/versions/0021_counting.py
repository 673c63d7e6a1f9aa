"""Indexes that `onetag status` and the page count by: no image and no answer has to be looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OF_IMAGE = ["image_id", "skipped", "unused", "annotator", "retired_at"]
NEW = {
    "ix_images_removed": ("images", ["project_id", "id"], "removed_at IS NOT NULL"),
    "ix_images_unusable": (
        "images", ["project_id", "unusable", "try_at", "removed_at"], "unusable IS NOT NULL"
    ),
    "ix_annotations_of_image": ("annotations", OF_IMAGE, "retired_at IS NULL"),
}  # fmt: skip


def upgrade() -> None:
    """Images that are gone, or cannot be used, are few; what became of an image is asked of all of them."""
    _live_images(["project_id", "id", "studio_task", "removed_at"])
    for name, (table, columns, condition) in NEW.items():
        _index(name, table, columns, condition)


def downgrade() -> None:
    """Look rows up."""
    for name, (table, _columns, _condition) in reversed(NEW.items()):
        op.drop_index(name, table)
    _live_images(["project_id", "id", "removed_at"])


def _live_images(columns):
    op.drop_index("ix_images_live", "images")
    _index("ix_images_live", "images", columns, "removed_at IS NULL")


def _index(name, table, columns, condition):
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
