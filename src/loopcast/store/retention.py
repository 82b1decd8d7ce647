"""What is kept how long: everything for ever unless a policy says otherwise. Actuals always stay."""

from dataclasses import dataclass

import sqlalchemy as sa

from loopcast.core.errors import ConfigError
from loopcast.store.clock import now
from loopcast.store.ledger import Ledger
from loopcast.store.schema import answers, forecasts

DAY = 86_400_000_000
PART = 20_000  # rows in one transaction, so that answers need not wait for long


@dataclass(frozen=True)
class Retention:
    """Ages in days; None is for ever.

    `repeats`: of forecasts of one (series, origin, version) only the newest stays. `histories`:
    the target that the network saw is dropped, the forecast stays. `forecasts`: all is dropped.
    """

    repeats: int | None = None
    histories: int | None = None
    forecasts: int | None = None

    def __post_init__(self) -> None:
        for name in ("repeats", "histories", "forecasts"):
            days = getattr(self, name)
            if days is not None and days < 0:
                raise ConfigError(f"retention: {name} is {days} days; it must be 0 or more")


@dataclass(frozen=True)
class Thinned:
    """How many rows of forecasts each rule met."""

    repeats: int = 0
    histories: int = 0
    forecasts: int = 0


def thin(ledger: Ledger, policy: Retention, at: int | None = None) -> Thinned:
    """Apply the policy as of an instant (default: now); doing it twice changes nothing more."""
    at = now() if at is None else at
    dropped = repeats = histories = 0
    if policy.forecasts is not None:
        dropped = _drop(ledger, _old(ledger, at, policy.forecasts))
    if policy.repeats is not None:
        repeats = _drop(ledger, [*_old(ledger, at, policy.repeats), _repeated()])
    if policy.histories is not None:
        histories = _forget(ledger, _old(ledger, at, policy.histories))
    _sweep(ledger)
    return Thinned(repeats, histories, dropped)


def _old(ledger: Ledger, at: int, days: int) -> list[sa.ColumnElement[bool]]:
    return [answers.c.model == ledger.model, answers.c.given_at < at - days * DAY]


def _repeated() -> sa.ColumnElement[bool]:
    """There is a newer forecast of the same series, origin and version."""
    other, its = forecasts.alias(), answers.alias()
    newer = sa.or_(
        its.c.given_at > answers.c.given_at,
        sa.and_(its.c.given_at == answers.c.given_at, its.c.id > answers.c.id),
        sa.and_(its.c.id == answers.c.id, other.c.position > forecasts.c.position),
    )
    return sa.exists(
        sa.select(sa.literal(1))
        .select_from(other.join(its, its.c.id == other.c.answer))
        .where(
            other.c.series == forecasts.c.series,
            other.c.origin == forecasts.c.origin,
            its.c.version == answers.c.version,
            newer,
        )
    )


def _chosen(where: list[sa.ColumnElement[bool]]) -> sa.Select[tuple[str, int]]:
    return (
        sa.select(forecasts.c.answer, forecasts.c.position)
        .join(answers, answers.c.id == forecasts.c.answer)
        .where(*where)
        .limit(PART)
    )


def _drop(ledger: Ledger, where: list[sa.ColumnElement[bool]]) -> int:
    return _by_parts(ledger, _chosen(where), sa.delete(forecasts))


def _forget(ledger: Ledger, where: list[sa.ColumnElement[bool]]) -> int:
    chosen = _chosen([*where, forecasts.c.history.is_not(None)])
    return _by_parts(ledger, chosen, sa.update(forecasts).values(history=None))


def _by_parts(
    ledger: Ledger,
    chosen: sa.Select[tuple[str, int]],
    change: "sa.Delete | sa.Update",
) -> int:
    total = 0
    one = change.where(
        forecasts.c.answer == sa.bindparam("a"), forecasts.c.position == sa.bindparam("p")
    )
    while True:
        with ledger.database.writing() as connection:
            rows = [{"a": row.answer, "p": row.position} for row in connection.execute(chosen)]
            if rows:
                connection.execute(one, rows)
        total += len(rows)
        if len(rows) < PART:
            return total


def _sweep(ledger: Ledger) -> None:
    """Drop answers whose forecasts are all gone."""
    left = sa.exists().where(forecasts.c.answer == answers.c.id)
    with ledger.database.writing() as connection:
        connection.execute(sa.delete(answers).where(answers.c.model == ledger.model, ~left))
