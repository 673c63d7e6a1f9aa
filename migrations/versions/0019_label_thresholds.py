"""Thresholds that people set, which hold until they are taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
WORK = "'training', 'publication', 'reconcile', 'clearing', 'images', 'telling'"


def upgrade() -> None:
    """Every version has the thresholds that its training chose."""
    op.create_table(
        "label_thresholds",
        sa.Column("id", Id, nullable=False),
        sa.Column("label_id", Id, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("set_at", Moment, nullable=False),
        sa.Column("retired_by", sa.Text(), nullable=True),
        sa.Column("retired_at", Moment, nullable=True),
        sa.CheckConstraint("value > 0 AND value <= 1.01", name=op.f("ck_label_thresholds_value")),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name=op.f("fk_label_thresholds_label_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_thresholds")),
    )
    live = sa.text("retired_at IS NULL")
    op.create_index(
        "uq_label_thresholds_live",
        "label_thresholds",
        ["label_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    with op.batch_alter_table("model_versions") as table:
        table.add_column(sa.Column("learned_thresholds", sa.JSON(), nullable=True))
        table.add_column(sa.Column("derived_from_id", Id, nullable=True))
        table.create_foreign_key(
            op.f("fk_model_versions_derived_from_id"), "model_versions", ["derived_from_id"], ["id"]
        )
    _let_work(f"{WORK}, 'thresholds'")


def downgrade() -> None:
    """The older release goes back to what trainings choose, with the next one."""
    op.execute("DELETE FROM failures WHERE work = 'thresholds'")
    _let_work(WORK)
    with op.batch_alter_table("model_versions") as table:
        table.drop_constraint(op.f("fk_model_versions_derived_from_id"), type_="foreignkey")
        table.drop_column("derived_from_id")
        table.drop_column("learned_thresholds")
    op.drop_table("label_thresholds")


def _let_work(values):
    with op.batch_alter_table("failures") as table:
        table.drop_constraint(op.f("ck_failures_work"), type_="check")
        table.create_check_constraint(op.f("ck_failures_work"), f"work IN ({values})")
