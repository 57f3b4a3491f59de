"""Keys, tokens, who has asked what; a team's own figures and ledger.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_api_keys_team", "api_keys", ["team"])
    op.create_table(
        "access_tokens",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("ix_access_tokens_key_id", "access_tokens", ["key_id"])
    op.create_index("ix_access_tokens_expires_at", "access_tokens", ["expires_at"])
    op.create_table(
        "recommendation_teams",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("recommendation_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["recommendation_id"], ["recommendations.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team", "recommendation_id"),
    )
    op.create_index("recommendation_teams_by_time", "recommendation_teams", ["team", "created_at", "recommendation_id"])
    op.execute("INSERT INTO recommendation_teams SELECT '', id, created_at FROM recommendations")
    op.create_table(
        "figures_state",
        sa.Column("team", sa.String(length=64), nullable=False),
        sa.Column("figures", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("team"),
    )
    op.add_column("benchmarks", sa.Column("alike", sa.String(length=16), nullable=True))
    op.create_index("benchmarks_alike", "benchmarks", ["team", "alike", "value"])
    op.create_index("benchmarks_own", "benchmarks", ["team", "id"])
    op.add_column("ledger", sa.Column("team", sa.String(length=64), nullable=True))
    op.create_index("ix_ledger_team", "ledger", ["team"])


def downgrade() -> None:
    op.drop_index("ix_ledger_team", "ledger")
    op.drop_column("ledger", "team")
    op.drop_index("benchmarks_own", "benchmarks")
    op.drop_index("benchmarks_alike", "benchmarks")
    op.drop_column("benchmarks", "alike")
    for table in ("figures_state", "recommendation_teams", "access_tokens", "api_keys"):
        op.drop_table(table)
