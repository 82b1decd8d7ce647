"""The weights that TFT gives its features, for the card."""

from dataclasses import replace

import pytest
from training.conftest import parts

from loopcast.features.calendar import Calendar
from loopcast.features.numeric import Numeric
from loopcast.models.tft import TFT
from loopcast.training.defaults import Recipe
from loopcast.training.forecaster import Forecaster
from loopcast.training.selection import names, selection


def built(frame, network=None, **options):
    data, model = parts(frame, **options)
    if network:
        model = Forecaster(lambda task, widths: network(task, widths, width=8, heads=2))
    data.setup("plan")
    model.build(replace(data.task, quantiles=model.quantiles), data.encoder)
    return selection(model, data)


def test_weights_are_told_by_feature_and_sum_to_one(frame):
    found = built(
        frame.assign(visitors=frame.price.where(frame.index % 3 > 0)), TFT, past=["visitors"]
    )
    assert set(found) == {"static", "history", "horizon"}
    for named in found.values():
        assert sum(named.values()) == pytest.approx(1, abs=1e-2)
        assert list(named.values()) == sorted(named.values(), reverse=True)
    assert {"shop", "item", "the window's scale and gaps"} <= set(found["static"])
    assert {"the target", "observed", "visitors", "price", "calendar"} <= set(found["history"])
    assert {"price", "calendar"} <= set(found["horizon"])


def test_other_networks_have_none(frame):
    assert built(frame) is None


def test_names_stand_in_the_order_of_their_columns(frame):
    data, model = parts(frame, features=[Numeric("future"), Calendar()])
    data.setup("plan")
    model.build(replace(data.task, quantiles=model.quantiles), data.encoder)
    told = names(model.encoder, model)["horizon"]
    assert told[0] == "calendar" and told[-1] == "price"


def test_members_that_see_no_covariates_are_not_asked_about_them(frame):
    data, _ = parts(frame)
    model = Forecaster(lambda task, widths: TFT(task, widths, width=8, heads=2), members=4)
    data.setup("plan")
    model.choose(Recipe())
    model.build(replace(data.task, quantiles=model.quantiles), data.encoder)
    asked = []
    select = model.network.selection

    def watched(window):
        weights = select(window)
        asked.append(weights["horizon"])
        return weights

    model.network.selection = watched
    found = selection(model, data)["horizon"]
    seeing = asked[0][:2].flatten(0, -2).mean(0)
    assert found["price"] == pytest.approx(float(seeing[-1]), rel=1e-3)
