"""What fails for a project at present."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
WORK = "work IN ('training', 'publication', 'reconcile', 'clearing', 'images')"


def upgrade() -> None:
    """Nothing is known to fail yet."""
    op.create_table(
        "failures",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failed_at", Moment, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("times", Id, nullable=False),
        sa.CheckConstraint(WORK, name=op.f("ck_failures_work")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_failures_project_id")),
        sa.PrimaryKeyConstraint("project_id", "work", name=op.f("pk_failures")),
    )


def downgrade() -> None:
    """Forget it; what still fails is seen again."""
    op.drop_table("failures")
