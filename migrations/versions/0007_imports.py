"""Labels read from files: the imports, the import that an observation came from, and projects of a folder."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
IMPORTED = "import_id IS NOT NULL AND retired_at IS NULL"


def upgrade() -> None:
    """Make the table, and the columns that refer to it."""
    op.create_table(
        "imports",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint(
            "claim IN ('positive', 'single', 'verified', 'complete')", name=op.f("ck_imports_claim")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_imports_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_name", "imports", ["project_id", "name"])
    with op.batch_alter_table("projects") as table:
        table.add_column(sa.Column("image_folder", sa.Text(), nullable=True))
        table.create_unique_constraint(op.f("uq_projects_image_folder"), ["image_folder"])
    with op.batch_alter_table("observations") as table:
        table.add_column(sa.Column("import_id", Id, nullable=True))
        table.create_foreign_key(op.f("fk_observations_import_id"), "imports", ["import_id"], ["id"])
    op.create_index(
        "uq_observations_imported",
        "observations",
        ["import_id", "image_id", "label_id"],
        unique=True,
        sqlite_where=sa.text(IMPORTED),
        postgresql_where=sa.text(IMPORTED),
    )


def downgrade() -> None:
    """Take them back; the observations stay, and no longer tell which file they came from."""
    op.drop_index("uq_observations_imported", "observations")
    with op.batch_alter_table("observations") as table:
        table.drop_constraint(op.f("fk_observations_import_id"), type_="foreignkey")
        table.drop_column("import_id")
    with op.batch_alter_table("projects") as table:
        table.drop_constraint(op.f("uq_projects_image_folder"), type_="unique")
        table.drop_column("image_folder")
    op.drop_index("ix_imports_name", "imports")
    op.drop_table("imports")
