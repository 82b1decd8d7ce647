"""The JSON that goes over the wire, as types: decoding checks every field."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Cell = str | int | float | None
Numbers = Annotated[list[float | None], Meta(description="null: not observed")]
Columns = Annotated[dict[str, list[Cell]], Meta(description="column -> values, one a step")]

Levels = Annotated[
    list[Annotated[float, Meta(gt=0, lt=1)]],
    Meta(min_length=1, max_length=99, description="some of the model's; default: all"),
]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One JSON object; fields that are not named here are refused."""


class SeriesAsked(Wire, frozen=True, kw_only=True):
    """One series: steps without gaps from `start` on. Without `target` the history is looked up."""

    key: Annotated[dict[str, Cell], Meta(description="the series' key columns")] = {}
    start: Annotated[
        str | int | None, Meta(description="time of the first step, ISO 8601 (or an integer)")
    ] = None
    target: Numbers | None = None
    past: Columns = {}
    future: Annotated[
        dict[str, list[Cell]],
        Meta(description="known-ahead columns: from `start` on, or the steps after the history"),
    ] = {}
    static: Annotated[dict[str, Cell], Meta(description="static columns but the key's")] = {}


class ForecastAsked(Wire, frozen=True, kw_only=True):
    """Give `series`, or `rows` as they lie in a table."""

    series: list[SeriesAsked] | None = None
    rows: Annotated[
        list[dict[str, Cell]] | None, Meta(description="records with the model's columns")
    ] = None
    future_rows: Annotated[
        list[dict[str, Cell]] | None, Meta(description="records of the known-ahead columns")
    ] = None
    quantiles: Levels | None = None
    horizon: Annotated[int, Meta(ge=1)] | None = None
    origin: Annotated[
        str | int | None, Meta(description="the last history step; default: the last one known")
    ] = None


class ActualSent(Wire, frozen=True, kw_only=True):
    """One value; null withdraws it. Without `as_of` it is known from now on."""

    key: dict[str, Cell] = {}
    time: str | int
    value: float | None
    as_of: Annotated[str | None, Meta(description="ISO 8601, since when the value is known")] = None


class ActualsSent(Wire, frozen=True, kw_only=True):
    """Values that came."""

    actuals: list[ActualSent]


class Tensor(msgspec.Struct, frozen=True):
    """An input of the Open Inference Protocol V2."""

    name: str
    shape: list[Annotated[int, Meta(ge=0)]]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class OutputAsked(msgspec.Struct, frozen=True):
    """An output asked for by name."""

    name: str
    parameters: dict[str, Any] = {}


class InferAsked(msgspec.Struct, frozen=True):
    """A request of the Open Inference Protocol V2."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[OutputAsked] | None = None


class Reason(Wire, frozen=True, kw_only=True):
    """Why an administrator does what is asked."""

    why: Annotated[str, Meta(max_length=2000)] = ""


class ReviewAnswer(Wire, frozen=True, kw_only=True):
    """What a person says: the actual value, another value in place of the forecast, or nothing."""

    what: Literal["actual", "override", "skip"]
    value: float | None = None
    reason: Annotated[str, Meta(max_length=2000)] = ""


class OverrideSent(Wire, frozen=True, kw_only=True):
    """Another value in place of one step of a forecast."""

    forecast: Annotated[str, Meta(description="the answer's id")]
    key: dict[str, Cell] = {}
    time: str | int
    value: float
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class ModelNamed(msgspec.Struct):
    """The model that answered."""

    name: str
    version: int


class SeriesForecast(msgspec.Struct):
    """One series' forecast; `quantiles` by level, one value for each of `times`."""

    key: dict[str, str]
    origin: str | int
    times: list[str | int]
    quantiles: dict[str, list[float | None]]
    warnings: list[str]
    mean: Annotated[
        list[float | None] | None, Meta(description="where the model forecasts it too")
    ] = None


class ForecastAnswer(msgspec.Struct):
    """The forecasts of a request, in its order; rows: in the order of their keys."""

    id: str
    model: ModelNamed
    forecasts: list[SeriesForecast]


class ProblemError(msgspec.Struct):
    """One thing that is wrong, and where."""

    pointer: str
    detail: str


class ProblemAnswer(msgspec.Struct):
    """RFC 9457; `error` repeats the detail for clients of the V2 protocol."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    error: str
    errors: list[ProblemError] = []
