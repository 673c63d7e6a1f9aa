"""Who may open the page, with their one-time links and logins."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nobody may, at first."""
    op.create_table(
        "people",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("disabled_at", Moment, nullable=True),
        sa.CheckConstraint("role IN ('look', 'answer')", name=op.f("ck_people_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("key", name=op.f("uq_people_key")),
    )
    _of_people("login_links", sa.Column("used_at", Moment, nullable=True))
    _of_people("login_sessions", sa.Column("seen_at", Moment, nullable=False))


def downgrade() -> None:
    """The older release has no page: people are made anew."""
    op.drop_table("login_sessions")
    op.drop_table("login_links")
    op.drop_table("people")


def _of_people(name, own):
    op.create_table(
        name,
        sa.Column("id", Id, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        own,
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f(f"fk_{name}_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("digest", name=op.f(f"uq_{name}_digest")),
    )
    op.create_index(f"ix_{name}_person_id", name, ["person_id"])
