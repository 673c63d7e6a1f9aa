"""Which question an answer answers; two more answers: nothing of these, and yes or no to one label."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

QUESTION = "question IN ('tag one', 'check suggestions', 'is it there', 'mark all')"
REVIEWS = "'suggestions checked', 'all labels marked'"
SOURCES = "'tag', 'added', 'confirmed', 'rejected', 'complete'"


def upgrade() -> None:
    """Of the answers that are there nothing tells what was asked: they stay without a question."""
    with op.batch_alter_table("annotations") as table:
        table.add_column(sa.Column("question", sa.Text(), nullable=True))
        table.create_check_constraint(op.f("ck_annotations_question"), QUESTION)
    _let("annotations", "review", f"review IN ({REVIEWS}, 'nothing of these')")
    _let("observations", "source", f"source IN ({SOURCES}, 'answered', 'imported')")


def downgrade() -> None:
    """What the older store has no word for becomes the nearest that it has."""
    op.execute("UPDATE annotations SET review = 'all labels marked' WHERE review = 'nothing of these'")
    op.execute("UPDATE observations SET source = 'added' WHERE source = 'answered' AND value > 0")
    op.execute("UPDATE observations SET source = 'complete' WHERE source = 'answered'")
    _let("observations", "source", f"source IN ({SOURCES}, 'imported')")
    _let("annotations", "review", f"review IN ({REVIEWS})")
    with op.batch_alter_table("annotations") as table:
        table.drop_constraint(op.f("ck_annotations_question"), type_="check")
        table.drop_column("question")


def _let(name, column, condition):
    """Let a column have other values than before."""
    with op.batch_alter_table(name) as table:
        table.drop_constraint(op.f(f"ck_{name}_{column}"), type_="check")
        table.create_check_constraint(op.f(f"ck_{name}_{column}"), condition)
