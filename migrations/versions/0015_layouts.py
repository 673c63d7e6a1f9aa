"""Where the images of a project lie on its map."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing is drawn until the next training."""
    op.create_table(
        "layouts",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("made_of", sa.Text(), nullable=False),
        sa.Column("image_ids", sa.LargeBinary(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.Column("groups", sa.LargeBinary(), nullable=False),
        sa.Column("share_across", sa.Double(), nullable=False),
        sa.Column("share_up", sa.Double(), nullable=False),
        sa.Column("alike", sa.Double(), nullable=False),
        sa.Column("computed_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_layouts_project_id")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_layouts")),
    )


def downgrade() -> None:
    """Forget it; it is computed again."""
    op.drop_table("layouts")
