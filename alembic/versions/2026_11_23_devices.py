"""What a worker has and what a validation needs; an index over those in line.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEEDS = (("needs_gpu", sa.Boolean(), sa.false()), ("needs_bytes", sa.BigInteger(), "0"), ("seconds", sa.Float(), "0"))
HAS = (("gpu", sa.Boolean(), sa.false()), ("memory_bytes", sa.BigInteger(), "0"))


def upgrade() -> None:
    for table, columns in (("validations", NEEDS), ("workers", HAS)):
        for name, kind, default in columns:
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
    op.create_index("validations_in_line", "validations", ["outcome", "priority", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("validations_in_line", "validations")
    for table, columns in (("validations", NEEDS), ("workers", HAS)):
        for name, _, _ in columns:
            op.drop_column(table, name)
