"""The span that asked for a validation, and the ids of those whose retention has ended.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("validations", sa.Column("traceparent", sa.String(64)))
    op.create_table(
        "forgotten_validations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("team", sa.String(64)),
        sa.Column("forgotten_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_forgotten_validations_forgotten_at", "forgotten_validations", ["forgotten_at"])


def downgrade() -> None:
    op.drop_table("forgotten_validations")
    op.drop_column("validations", "traceparent")
