"""What monitoring writes: accuracy, backtests, drift, alarms, calibrations, ticks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and the column of the model's own quantiles."""
    op.add_column("forecasts", sa.Column("own", sa.LargeBinary(), nullable=True))
    _measured()
    _alarms()
    _states()


def downgrade() -> None:
    """Drop them all."""
    for table in ("ticks", "calibrations", "alarms", "drift", "backtests", "accuracy"):
        op.drop_table(table)
    op.drop_column("forecasts", "own")


def _measured() -> None:
    op.create_table(
        "accuracy",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grouping", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("sums", sa.Text(), nullable=False),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "model", "version", "first", "grouping", "text", name="pk_accuracy"
        ),
    )
    op.create_table(
        "backtests",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("errors", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "series", "origin", name="pk_backtests"),
    )
    op.create_table(
        "drift",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("p", sa.Double(), nullable=False),
        sa.Column("alpha", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "kind", "step", name="pk_drift"),
    )


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("concerned", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    op.create_index("ix_alarms_model_id", "alarms", ["model", "id"], unique=False)
    op.create_index(
        "ix_alarms_open",
        "alarms",
        ["model", "version", "kind", "scope"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _states() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibrations"),
    )
    op.create_index(
        "ix_calibrations_model_version_id", "calibrations", ["model", "version", "id"], unique=False
    )
    op.create_table(
        "ticks",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticks"),
    )
    op.create_index("ix_ticks_model_id", "ticks", ["model", "id"], unique=False)
