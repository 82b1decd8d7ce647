"""The docs' commands run, the config serves, and the description of the routes is one."""

import json
import re
import shutil
import subprocess
import sys

import msgspec
import pytest
import sqlalchemy as sa
import yaml
from documented import blocks
from tiny_service import one, running

from loopcast.core.task import Columns, Task
from loopcast.service.settings import load

AUS = Task(
    target="Turnover", time="Month", series=("State", "Industry"), frequency="MS", horizon=12,
    season=12, history=24, static=Columns(categorical=("State", "Industry")), time_format="%Y %b",
)  # fmt: skip


@pytest.fixture(scope="module")
def example(root, tmp_path_factory):
    """The committed config, around a tiny artifact of the same task and the real rows."""
    folder = tmp_path_factory.mktemp("example")
    subprocess.run(
        [sys.executable, str(root / "scripts/example-database"), str(folder / "aus.db")],
        check=True,
        capture_output=True,
    )
    raw = yaml.safe_load((root / "configs/service/aus_retail.yaml").read_text())
    raw["history"]["url"] = f"sqlite:///{folder}/aus.db"
    raw["store"] = {"url": f"sqlite:///{folder}/ledger.db"}
    raw["models"] = str(folder / "models")
    raw.pop("artifact")
    with running(folder, AUS, **raw) as found:
        yield found


def test_the_docs_commands_answer(example, root):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    ran = 0
    for block in [*blocks(root / "docs/service.md", "sh"), *blocks(root / "docs/people.md", "sh")]:
        if "curl" not in block:
            continue
        command = block.replace("127.0.0.1:8080", f"127.0.0.1:{example.port}").replace(
            "curl -s", "curl -s -f"
        )
        out = subprocess.run(
            ["bash", "-e", "-c", command], capture_output=True, text=True, check=False
        )
        assert out.returncode == 0 and out.stdout, block
        ran += 1
    assert ran >= 6


def test_a_key_alone_is_forecast_from_the_database(example):
    key = {"State": "Tasmania", "Industry": "Food retailing"}
    (forecast,) = example.forecast({"series": [{"key": key}]})["forecasts"]
    assert forecast["origin"] == "2018-12-01" and forecast["times"][-1] == "2019-12-01"
    every = example.parts.forecasting._lookup.rows([key], example.parts.champion.current)
    assert forecast["quantiles"]["0.5"][0] == pytest.approx(
        sum(every["Turnover"][-24:]) / 24 + 1, rel=1e-5
    )


def test_every_documented_setting_is_one(root):
    load(root / "configs/service/aus_retail.yaml")
    text = (root / "docs/service.md").read_text()
    limits = text.partition("## Limits")[2].partition("Errors")[0]
    from loopcast.service.settings import Limits

    assert set(re.findall(r"`(\w+)`\s?[\d(]", limits)) == {
        f.name for f in msgspec.structs.fields(Limits)
    }


def test_the_queues_settings_and_defaults_are_those_of_the_docs(root):
    from loopcast.service.settings import Reviews

    (block,) = blocks(root / "docs/people.md", "yaml")
    assert block["reviews"] == msgspec.structs.asdict(Reviews())


def test_the_openapi_document_names_every_route_and_fits_its_own_examples(service):
    found = service.client.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            names = re.findall(r"{(\w+)}", path)
            parameters = operation.get("parameters", [])
            assert [p["name"] for p in parameters if p["in"] == "path"] == names
            assert operation["responses"]["200"]
            answer = service.client.request(method, path.format(model="tiny", version=1, id="x"))
            assert answer.status_code in ({404} if "id" in names else {200, 403, 415})
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(found)))
    assert references and references <= set(found["components"]["schemas"])
    example = found["paths"]["/v1/forecast"]["post"]["requestBody"]["content"]["application/json"][
        "example"
    ]
    assert len(service.forecast(example)["forecasts"]) == 1
    infer = found["paths"]["/v2/models/{model}/infer"]["post"]
    assert infer["parameters"][0]["schema"]["enum"] == ["tiny"]
    body = infer["requestBody"]["content"]["application/json"]["example"]
    assert service.client.post("/v2/models/tiny/infer", json=body).status_code == 200


def test_the_page_fetches_nothing_and_escapes(service):
    answer = service.client.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/v1/forecast" in answer.text and 'id="problem-422"' in answer.text
    assert not re.search(r"<script|https?://(?!127|json)", answer.text)


def test_the_process_loads_nothing_heavy():
    code = (
        "import sys, loopcast.service.server; from loopcast.service import app;"
        "print([m for m in ('torch', 'lightning', 'pandas', 'pyarrow', 'alembic') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_old_forecasts_are_thinned_while_the_service_runs(tmp_path):
    with running(tmp_path, retention={"repeats": 0}) as service:
        service.forecast({"series": [one()]})
        from loopcast.store.retention import Retention, thin

        service.forecast({"series": [one()]})
        thin(service.parts.ledger, Retention(repeats=0))
        with service.parts.database.reading() as connection:
            assert connection.execute(sa.text("select count(*) from forecasts")).scalar() == 1
