"""Why an image cannot be used and when it is tried again in columns; the objects' own addresses, files' stamps."""

import base64
import urllib.parse

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
REASONS = "'unreached', 'denied', 'missing', 'not allowed', 'too large', 'no image', 'no address'"
STORAGES = ("s3://", "gs://", "azure-blob://")

images = sa.table(
    "images",
    sa.column("id", Id),
    sa.column("uri", sa.Text()),
    sa.column("object_uri", sa.Text()),
)


def upgrade() -> None:
    """Every image that had a problem is tried again: whether it could pass was not kept."""
    with op.batch_alter_table("images") as table:
        table.add_column(sa.Column("object_uri", sa.Text(), nullable=True))
        table.add_column(sa.Column("stamp", sa.Text(), nullable=True))
        table.add_column(sa.Column("unusable", sa.Text(), nullable=True))
        table.add_column(sa.Column("tries", Id, nullable=False, server_default="0"))
        table.add_column(sa.Column("try_at", Moment, nullable=True))
    bind = op.get_bind()
    failed = "unusable = 'unreached', tries = 1, try_at = CURRENT_TIMESTAMP"
    bind.execute(sa.text(f"UPDATE images SET {failed} WHERE problem IS NOT NULL"))
    stored = sa.or_(
        images.c.uri.like("%/resolve/%"), *(images.c.uri.like(f"{scheme}%") for scheme in STORAGES)
    )
    for row in bind.execute(sa.select(images.c.id, images.c.uri).where(stored)).all():
        found = _object(row.uri)
        if found is not None:
            bind.execute(images.update().where(images.c.id == row.id).values(object_uri=found))
    with op.batch_alter_table("images") as table:
        table.alter_column("tries", existing_type=Id, server_default=None)
        table.create_check_constraint(op.f("ck_images_unusable"), f"unusable IN ({REASONS})")
    due = sa.text("try_at IS NOT NULL")
    op.create_index("ix_images_due", "images", ["try_at"], sqlite_where=due, postgresql_where=due)


def _object(uri):
    if uri.startswith(STORAGES):
        return uri
    named = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query).get("fileuri", [""])[0]
    try:
        found = base64.urlsafe_b64decode(named.encode()).decode()
    except ValueError:
        found = urllib.parse.unquote(named)
    return found if found.startswith(STORAGES) else None


def downgrade() -> None:
    """A task without an image was no image before: it goes."""
    op.drop_index("ix_images_due", "images")
    with op.batch_alter_table("images") as table:
        table.drop_constraint(op.f("ck_images_unusable"), type_="check")
        for column in ("object_uri", "stamp", "unusable", "tries", "try_at"):
            table.drop_column(column)
