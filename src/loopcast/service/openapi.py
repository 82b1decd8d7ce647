"""The OpenAPI 3.1 document, made from the types that decode requests, and a page that shows it."""

from html import escape
from math import prod
from typing import Any

import msgspec

from loopcast.core.frequency import Frequency
from loopcast.core.task import Task
from loopcast.service.inference import tensors
from loopcast.service.problem import TITLES
from loopcast.service.wire import (
    ActualsSent,
    ForecastAnswer,
    ForecastAsked,
    InferAsked,
    OverrideSent,
    ProblemAnswer,
    Reason,
    ReviewAnswer,
)

TYPES = [
    ForecastAsked, ActualsSent, InferAsked, Reason, ReviewAnswer, OverrideSent, ForecastAnswer,
    ProblemAnswer,
]  # fmt: skip
Json = dict[str, Any]


def document(name: str, task: Task | None) -> Json:
    """The whole document; examples fit the model that serves."""
    references, schemas = msgspec.json.schema_components(
        TYPES, ref_template="#/components/schemas/{name}"
    )
    named = dict(zip([kind.__name__ for kind in TYPES], references, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": f"loopcast: {name}", "version": "1"},
        "security": [{"bearer": []}, {"header": []}, {}],
        "paths": _naming(_paths(named, _examples(task)), name),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _naming(paths: Json, model: str) -> Json:
    """The one model that is here, wherever a path asks for one."""
    for methods in paths.values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "model":
                    parameter["schema"] = {"type": "string", "enum": [model]}
    return paths


def _paths(named: Json, examples: Json) -> Json:
    forecast, problem = named["ForecastAnswer"], named["ProblemAnswer"]
    return {
        "/v1/forecast": {
            "post": _operation(
                "Forecast series", problem, forecast, named["ForecastAsked"], examples["forecast"]
            )
        },
        "/v1/forecasts/{id}": {
            "get": _operation("What was answered", problem, parameters=["id"])
        },
        "/v1/actuals": {
            "post": _operation(
                "Give actual values; sending twice adds nothing", problem, {"type": "object"},
                named["ActualsSent"], examples["actuals"],
            )
        },
        "/v1/models": {"get": _operation("Versions, and which one serves", problem)},
        "/v1/models/{version}/promote": {
            "post": _operation(
                "Test a version and let it serve (admin)", problem, {"type": "object"}, named["Reason"],
                {"why": "better"}, parameters=["version"],
            )
        },
        "/v1/rollback": {
            "post": _operation(
                "Let the version before serve again (admin)", problem, {"type": "object"}, named["Reason"],
                {"why": "worse"},
            )
        },
        **_people_paths(named, examples),
        "/v2": {"get": _operation("The server (Open Inference Protocol V2)", problem)},
        "/v2/health/live": {"get": _operation("The process answers", problem)},
        "/v2/health/ready": {"get": _operation("Forecasts can be answered", problem)},
        **_model_paths("/v2/models/{model}", ["model"], named, examples),
        **_model_paths("/v2/models/{model}/versions/{version}", ["model", "version"], named, examples),
        "/metrics": {"get": _operation("Prometheus metrics", problem, kind="text/plain")},
    }  # fmt: skip


def _people_paths(named: Json, examples: Json) -> Json:
    problem, one = named["ProblemAnswer"], ["id"]
    return {
        "/v1/reviews": {
            "get": _operation(
                "Open questions to people (review)", problem,
                queries={"state": {"enum": ["open", "all"]}, "limit": {"type": "integer"}},
            )
        },
        "/v1/reviews/{id}": {
            "get": _operation("One question (review)", problem, parameters=one),
            "post": _operation(
                "Answer it; saying the same twice adds nothing (review)", problem,
                {"type": "object"}, named["ReviewAnswer"],
                {"what": "override", "value": 900, "reason": "a fair"}, parameters=one,
            ),
        },
        "/v1/reviews/{id}/show": {
            "post": _operation("See the forecast; it is noted that you did (review)", problem,
                               parameters=one)
        },
        "/v1/overrides": {
            "get": _operation("Overrides, and whether they helped (review)", problem),
            "post": _operation(
                "Put a value in place of a forecast's (review)", problem, {"type": "object"},
                named["OverrideSent"], examples["override"],
            ),
        },
    }  # fmt: skip


def _model_paths(path: str, parameters: list[str], named: Json, examples: Json) -> Json:
    problem, infer = named["ProblemAnswer"], named["InferAsked"]
    return {
        path: {"get": _operation("The model's tensors", problem, parameters=parameters)},
        f"{path}/ready": {"get": _operation("The model serves", problem, parameters=parameters)},
        f"{path}/infer": {
            "post": _operation(
                "Run tensors", problem, {"type": "object"}, infer, examples["infer"],
                parameters=parameters,
            )
        },
    }  # fmt: skip


def _operation(
    summary: str,
    problem: Json,
    answer: Json | None = None,
    body: Json | None = None,
    example: Any = None,
    *,
    parameters: list[str] | None = None,
    queries: Json | None = None,
    kind: str = "application/json",
) -> Json:
    schema = answer or ({"type": "string"} if kind == "text/plain" else {"type": "object"})
    failed = {"content": {"application/problem+json": {"schema": problem}}}
    found: Json = {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer", "content": {kind: {"schema": schema}}},
            **{
                str(status): {"description": TITLES[status], **failed}
                for status in (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)
            },
        },
    }
    if parameters:
        found["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in parameters
        ]
    if queries:
        found["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in queries.items()
        ]
    if body is not None:
        content = {"schema": body, "example": example}
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found


def _examples(task: Task | None) -> Json:
    """Bodies that the model that serves answers."""
    key = {name: "..." for name in task.series} if task else {}
    future = {name: [0] * task.horizon for name in task.future.names} if task else {}
    past = {name: [0, 0, 0] for name in task.past.names} if task else {}
    dated = task is None or Frequency.parse(task.frequency).dated
    start, later = ("2018-10-01", "2019-01-01") if dated else (118, 121)
    series: Json = {"key": key, "start": start, "target": [812.1, None, 830.4]}
    if past:
        series["past"] = past
    if future:
        series["future"] = future
    actual = {"time": later, "value": 805.2, "as_of": "2019-02-03T00:00:00Z"}
    return {
        "forecast": {"series": [series], "horizon": task.horizon if task else 12},
        "actuals": {"actuals": [{"key": key, **actual}]},
        "infer": {"inputs": _tensors(task) if task else []},
        "override": {
            "forecast": "01a2...", "key": key, "time": later, "value": 900, "reason": "a fair",
        },
    }  # fmt: skip


def _tensors(task: Task) -> list[Json]:
    """The model's inputs for one series."""
    blank = {"BYTES": "", "INT64": 600, "FP32": 0.5}
    return [
        {
            "name": name,
            "shape": [1, *shape[1:]],
            "datatype": kind,
            "data": [blank[kind]] * prod(shape[1:]),
        }
        for name, kind, shape in tensors(task)
    ]


def page(found: Json) -> str:
    """The document as one HTML page: no script, nothing fetched from elsewhere."""
    rows = []
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            rows.append(_section(path, method, operation))
    problems = "".join(
        f'<dt id="problem-{status}">{status}</dt><dd>{escape(title)}</dd>'
        for status, title in TITLES.items()
    )
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3><pre>{_pretty(schema)}</pre>'
        for name, schema in found["components"]["schemas"].items()
    )
    title = escape(found["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
        '<p>The same as a machine reads it: <a href="/openapi.json">/openapi.json</a></p>'
        f"{''.join(rows)}<h2>Problems</h2><dl>{problems}</dl><h2>Shapes</h2>{schemas}</body></html>"
    )


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}pre{overflow-x:auto;padding:.7rem;border:1px solid #8886;"
    "border-radius:4px}code,pre{font:14px/1.4 ui-monospace,monospace}h2{margin-top:2rem}"
    "dt{font-weight:bold}b{text-transform:uppercase}"
)


def _section(path: str, method: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = f"<pre>{_pretty(body['example'])}</pre>" if body else ""
    return (
        f"<h2><b>{method}</b> <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}</p>{example}"
    )


def _pretty(value: Any) -> str:
    return escape(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
