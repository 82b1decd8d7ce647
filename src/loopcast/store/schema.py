"""The tables. Instants are microseconds since 1970 in UTC; steps are grid indices of the model.

A forecast is one row for a series, its quantiles one array: a thousand series are a thousand
rows, not a thousand times horizon times quantiles. Matching needs no table: it is the join of
forecasts and actuals by series and step, so it is right whatever lands late, twice or revised.
"""

import sqlalchemy as sa

HEAD = "0005"
"""The newest revision under migrations/versions."""

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up Integer keys only

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),  # JSON object, columns in the task's order
    sa.UniqueConstraint("model", "key"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the artifact's bytes
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # candidate, challenger, promoted, retired
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("scores", sa.Text, nullable=False),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("model", "digest"),
)
sa.Index(
    "ix_versions_promoted",
    versions.c.model,
    unique=True,
    sqlite_where=versions.c.status == "promoted",
    postgresql_where=versions.c.status == "promoted",
)
sa.Index(
    "ix_versions_challenger",
    versions.c.model,
    unique=True,
    sqlite_where=versions.c.status == "challenger",
    postgresql_where=versions.c.status == "challenger",
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("what", sa.Text, nullable=False),  # registered, promoted, retired, refused, ...
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Index("ix_events_model_id", "model", "id"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),  # rises with time
    sa.Column("given_at", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),  # JSON: horizon and quantiles of the request
    sa.Column("request", sa.Text, nullable=False),  # the request's id, as in the log
    sa.Column("client", sa.Text, nullable=False),  # the name of the key
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the request's body
    sa.Index("ix_answers_given_at", "given_at"),
)

forecasts = sa.Table(
    "forecasts",
    metadata,
    sa.Column(
        "answer", sa.Uuid(as_uuid=False), sa.ForeignKey("answers.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("series", sa.BigInteger, nullable=False),
    sa.Column("origin", sa.BigInteger, nullable=False),  # step
    sa.Column("horizon", sa.Integer, nullable=False),  # the model's, whatever was asked
    sa.Column("quantiles", sa.LargeBinary, nullable=False),  # <f4 [horizon, quantile], as answered
    sa.Column("history", sa.LargeBinary),  # <f4 [history], the target the network saw
    sa.Column("source", sa.Text, nullable=False),  # of the history: sent, looked up
    sa.Column("warnings", sa.Text),  # JSON list
    sa.Column("own", sa.LargeBinary),  # the model's own quantiles, where recalibrated ones were given
    sa.Column("mean", sa.LargeBinary),  # <f4 [horizon], where the model forecasts it
    sa.Index("ix_forecasts_series_origin", "series", "origin"),
)  # fmt: skip

actuals = sa.Table(
    "actuals",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("series", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Double),  # NULL: withdrawn
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # api, review, ...
    sa.Column("author", sa.Text, nullable=False),
    sa.UniqueConstraint("series", "step", "as_of"),
    sa.Index("ix_actuals_received_at", "received_at"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)

retrains = sa.Table(
    "retrains",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),  # NULL: under way, or killed
    sa.Column("reason", sa.Text, nullable=False),  # alarm, age, data, hand, watch
    sa.Column("outcome", sa.Text, nullable=False),  # running, promoted, kept, rolled back, failed
    sa.Column("state", sa.Text, nullable=False),  # collect, validate, train, compare, promote, ...
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("champion", sa.Integer),
    sa.Column("challenger", sa.Integer),
    sa.Column("step", sa.BigInteger),  # the last step of the data
    sa.Column("snapshot", sa.Text, nullable=False),  # SHA-256 of the data; "" before there are any
    sa.Column("gates", sa.Text, nullable=False),  # JSON list
    sa.Column("facts", sa.Text, nullable=False),  # JSON object
    sa.Column("card", sa.Text, nullable=False),  # Markdown
    sa.Index("ix_retrains_model_id", "model", "id"),
)

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("series", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),  # the one that people are asked about
    sa.Column("answer", sa.Uuid(as_uuid=False), nullable=False),  # its forecast is of this answer
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("origin", sa.BigInteger, nullable=False),
    sa.Column("why", sa.Text, nullable=False),  # wide, unknown, alarm, random
    sa.Column("worth", sa.Double, nullable=False),
    sa.Column("blind", sa.Boolean, nullable=False),  # the forecast is hidden until asked for
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("open_until", sa.BigInteger, nullable=False),
    sa.Column("closed", sa.Text),  # answered, skipped, landed, expired; NULL: open
    sa.Column("closed_at", sa.BigInteger),
    sa.UniqueConstraint("series", "step"),
    sa.Index("ix_reviews_model_closed", "model", "closed"),
)

review_events = sa.Table(
    "review_events",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("review", sa.BigInteger, sa.ForeignKey("reviews.id"), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),  # shown, actual, override, skipped
    sa.Column("value", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),  # the author had not seen the forecast
    sa.Index("ix_review_events_review", "review"),
)

overrides = sa.Table(
    "overrides",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("series", sa.BigInteger, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("answer", sa.Uuid(as_uuid=False), nullable=False),  # whose forecast is overridden
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("origin", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("forecast", sa.Double, nullable=False),  # the model's median, to be compared with
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Index("ix_overrides_series_step", "series", "step"),
    sa.Index("ix_overrides_model_at", "model", "at"),
)

accuracy = sa.Table(
    "accuracy",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),  # step of the target
    sa.Column("grouping", sa.Text, primary_key=True),  # "", horizon, or a static column
    sa.Column("text", sa.Text, primary_key=True),  # "", the steps ahead ("2-3"), or a category
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("sums", sa.Text, nullable=False),  # JSON; see loopcast.store.accuracy
    sa.Column("computed_at", sa.BigInteger, nullable=False),
)

backtests = sa.Table(
    "backtests",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("series", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.BigInteger, primary_key=True, autoincrement=False),  # step
    sa.Column("errors", sa.LargeBinary, nullable=False),  # <f4 [horizon], in the window's scale
)

drift = sa.Table(
    "drift",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),  # what is tested: level, size
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),  # last one looked at
    sa.Column("error", sa.Double),  # the panel's mean at this look, in naive scales
    sa.Column("score", sa.Double),  # the statistic at this look
    sa.Column("p", sa.Double, nullable=False),  # that a year without drift holds such a score
    sa.Column("alpha", sa.Double, nullable=False),  # an alarm where p is at most this
)

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # level, size, coverage
    sa.Column("scope", sa.Text, nullable=False),  # panel, groups or series
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("step", sa.BigInteger, nullable=False),  # of the target at which it was first seen
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("threshold", sa.Double, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("concerned", sa.Text, nullable=False),  # JSON list of keys or {column: text}
    sa.Column("why", sa.Text, nullable=False),  # JSON: what the inputs show
    sa.Column(
        "told", sa.Text, nullable=False
    ),  # what the webhook was last told: "", opened, closed
    sa.Index("ix_alarms_model_id", "model", "id"),
)
sa.Index(
    "ix_alarms_open",
    alarms.c.model,
    alarms.c.version,
    alarms.c.kind,
    alarms.c.scope,
    unique=True,
    sqlite_where=alarms.c.closed_at.is_(None),
    postgresql_where=alarms.c.closed_at.is_(None),
)

calibrations = sa.Table(
    "calibrations",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("through", sa.BigInteger, nullable=False),  # the last step it learnt from
    sa.Column("state", sa.Text, nullable=False),  # JSON; see loopcast.core.recalibration
    sa.Index("ix_calibrations_model_version_id", "model", "version", "id"),
)

ticks = sa.Table(
    "ticks",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),  # done, nothing, failed
    sa.Column("facts", sa.Text, nullable=False),  # JSON; see loopcast.store.ticks
    sa.Index("ix_ticks_model_id", "model", "id"),
)
