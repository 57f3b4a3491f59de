"""What runs were predicted to take, and what they took.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("hardware", sa.String(length=128), nullable=False),
        sa.Column("quantity", sa.String(length=8), nullable=False),
        sa.Column("architecture", sa.String(length=64), nullable=False),
        sa.Column("predicted", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("measured", sa.Float(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index("ledger_by_time", ["created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_architecture"), ["architecture"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_hardware"), ["hardware"], unique=False)


def downgrade() -> None:
    op.drop_table("ledger")
