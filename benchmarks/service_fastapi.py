"""The artifact behind FastAPI and pydantic: python benchmarks/service_fastapi.py ARTIFACT PORT.

Pydantic models of the request and of the answer, one onnxruntime thread, loopcast's own JSON.
"""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from service_peer import Model


class Series(BaseModel):
    """One series asked for."""

    model_config = ConfigDict(extra="forbid")
    key: dict[str, str]
    start: str
    target: list[float | None]


class Asked(BaseModel):
    """The request."""

    model_config = ConfigDict(extra="forbid")
    series: list[Series]


class Forecast(BaseModel):
    """One series answered."""

    key: dict[str, str]
    origin: str
    times: list[str]
    quantiles: dict[str, list[float]]


class Answer(BaseModel):
    """The answer."""

    forecasts: list[Forecast]


model = Model(sys.argv[1], tuned=True)
app = FastAPI()


@app.post("/v1/forecast")
def forecast(asked: Asked) -> Answer:
    """Every series of the request."""
    series = [one.model_dump() for one in asked.series]
    found = model.answers(series, model.run(model.feed(series)))
    return Answer(forecasts=[Forecast(**one) for one in found])


@app.get("/health")
def health() -> dict[str, bool]:
    """Readiness."""
    return {"ready": True}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False)
