"""Names that labels had before they were renamed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No label was ever renamed: a new name made a new label."""
    op.create_table(
        "former_names",
        sa.Column("id", Id, nullable=False),
        sa.Column("label_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("renamed_by", sa.Text(), nullable=True),
        sa.Column("renamed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name=op.f("fk_former_names_label_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_names")),
    )
    op.create_index("ix_former_names_label_id", "former_names", ["label_id"])


def downgrade() -> None:
    """Labels keep the names that they have; an older release knows no others."""
    op.drop_index("ix_former_names_label_id", "former_names")
    op.drop_table("former_names")
