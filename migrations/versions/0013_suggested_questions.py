"""Which question is asked of each image."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

QUESTION = "question IN ('tag one', 'check suggestions', 'is it there', 'mark all')"


def upgrade() -> None:
    """What was suggested so far was asked for one label, with suggestions beside it."""
    with op.batch_alter_table("suggestions") as table:
        table.add_column(sa.Column("question", sa.Text(), nullable=False, server_default="tag one"))
        table.create_check_constraint(op.f("ck_suggestions_question"), QUESTION)
    with op.batch_alter_table("suggestions") as table:
        table.alter_column("question", server_default=None)


def downgrade() -> None:
    """A label that was asked by name is no suggestion: the older release would tick it."""
    op.execute("UPDATE suggestions SET labels = '[]' WHERE question = 'is it there'")
    with op.batch_alter_table("suggestions") as table:
        table.drop_constraint(op.f("ck_suggestions_question"), type_="check")
        table.drop_column("question")
