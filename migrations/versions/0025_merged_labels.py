"""Labels that count for another one."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """None does."""
    with op.batch_alter_table("labels") as table:
        table.add_column(sa.Column("merged_into_id", Id, nullable=True))
        table.add_column(sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True))
        table.create_foreign_key(op.f("fk_labels_merged_into_id"), "labels", ["merged_into_id"], ["id"])


def downgrade() -> None:
    """What counted for another label goes on doing so, until it is read anew."""
    with op.batch_alter_table("labels") as table:
        table.drop_constraint(op.f("fk_labels_merged_into_id"), type_="foreignkey")
        table.drop_column("merged_at")
        table.drop_column("merged_into_id")
