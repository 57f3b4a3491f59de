"""How many devices a validation takes together, and a worker has.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = (("validations", "needs_devices"), ("workers", "devices"))


def upgrade() -> None:
    for table, name in COLUMNS:
        op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    for table, name in COLUMNS:
        op.drop_column(table, name)
