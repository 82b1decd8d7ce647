"""The mean beside the quantiles, of models that forecast it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; what was answered before has none."""
    op.add_column("forecasts", sa.Column("mean", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("forecasts", "mean")
