"""What was chosen of a label config, and of every answer what was shown, reviewed, not used, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True)

CHECKS = {
    "projects": {
        "unticked": "unticked IN ('unknown', 'absent')",
        "suggest": "suggest IN ('ticks', 'order')",
    },
    "annotations": {
        "review": "review IN ('suggestions checked', 'all labels marked')",
        "unused": "unused IN ('unknown label', 'other controls', 'untouched', 'shown unknown')",
    },
}
OLD_RULE = "1"  # a touched suggestion confirmed its neighbours: `onetag db replay` derives again


def upgrade() -> None:
    _add(
        "projects",
        sa.Column("control", sa.Text(), nullable=True),
        sa.Column("image_field", sa.Text(), nullable=True),
        sa.Column("unticked", sa.Text(), nullable=False, server_default="unknown"),
        sa.Column("suggest", sa.Text(), nullable=False, server_default="ticks"),
        sa.Column("rule", Id, nullable=False, server_default=OLD_RULE),
    )
    _add(
        "annotations",
        sa.Column("shown", Json, nullable=True),
        sa.Column("unmatched", Json, nullable=False, server_default="[]"),
        sa.Column("review", sa.Text(), nullable=True),
        sa.Column("unused", sa.Text(), nullable=True),
        sa.Column("ground_truth", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    _add(
        "observations",
        sa.Column("ground_truth", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("area", sa.Double(), nullable=True),
    )


def _add(name, *columns):
    """Add columns and checks; the defaults serve the rows that are there, and go."""
    with op.batch_alter_table(name) as table:
        for column in columns:
            table.add_column(column)
    with op.batch_alter_table(name) as table:
        for column in columns:
            if column.server_default is not None:
                table.alter_column(column.name, existing_type=column.type, server_default=None)
        for check, condition in CHECKS.get(name, {}).items():
            table.create_check_constraint(op.f(f"ck_{name}_{check}"), condition)


def downgrade() -> None:
    """Take the columns away; what was shown by other models, and areas, are lost."""
    _drop("observations", "ground_truth", "area")
    _drop("annotations", "shown", "unmatched", "review", "unused", "ground_truth", "imported")
    _drop("projects", "control", "image_field", "unticked", "suggest", "rule")


def _drop(name, *columns):
    with op.batch_alter_table(name) as table:
        for check in CHECKS.get(name, {}):
            table.drop_constraint(op.f(f"ck_{name}_{check}"), type_="check")
        for column in columns:
            table.drop_column(column)
