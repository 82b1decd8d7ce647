"""A warm start begins where the run before ended, though its vocabularies have grown."""

import lightning as L
import pandas as pd
import pytest
import torch
from training.conftest import parts, sales, same

from loopcast.core.errors import ConfigError


def fitted(frame, folder, steps, warm=None, **options):
    L.seed_everything(2, verbose=False)
    data, model = parts(frame, **options)
    model.warm_start = warm
    if warm:  # so that the weights stay as they begin
        model.learning_rate, model.weight_decay = 1e-30, 0.0
    trainer = L.Trainer(
        max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0, enable_model_summary=False,
        limit_val_batches=0, default_root_dir=folder, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(model, data)
    return model, trainer


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    model, trainer = fitted(sales(), folder, 5)
    trainer.save_checkpoint(folder / "x.ckpt")
    return model, str(folder / "x.ckpt")


def vectors(model, name):
    feature = next(f for f in model.encoder.features if getattr(f, "name", "") == name)
    return dict(zip(["", *feature.vocabulary], feature.table.detach(), strict=True))


def test_vectors_go_with_their_texts_and_new_texts_begin_unknown(before, tmp_path, capsys):
    old, path = before
    grown = sales(shops=6)
    grown["shop"] = grown.shop.replace({"s4": "a new one", "s0": "s0"})  # sorts before the others
    new, trainer = fitted(grown, tmp_path, 1, path)
    known, now = vectors(old, "static.shop"), vectors(new, "static.shop")
    assert set(now) - set(known) == {"a new one", "s3", "s5"}
    for text, vector in now.items():
        assert torch.allclose(vector, known.get(text, known[""]))
    for name, weight in new.network.named_parameters():
        assert torch.allclose(weight, dict(old.network.named_parameters())[name]), name
    said = capsys.readouterr().err
    assert "3 new texts begin as the unknown one: static.shop 'a new one'" in said
    assert "anew" not in said
    trainer.save_checkpoint(tmp_path / "y.ckpt")  # vectors of another width than the rule's
    again = parts(grown)[1]
    kept = torch.load(tmp_path / "y.ckpt", weights_only=True)
    again.restore(kept["loopcast"], None, new.encoder.scaling)
    again.load_state_dict(kept["state_dict"])
    same(again.state_dict(), new.state_dict())


def test_what_does_not_fit_is_told(before, tmp_path, capsys):
    fitted(sales(), tmp_path, 1, before[1], history=35)
    said = capsys.readouterr().err
    assert "is 35" in said and "history was" in said
    assert "network.enter.weight" in said


def test_a_checkpoint_that_is_none_or_of_nothing_alike_is_an_error(before, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no nowhere\.ckpt"):
        fitted(sales(), tmp_path, 1, "nowhere.ckpt")
    (tmp_path / "x.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(ConfigError, match="no checkpoint, or it is damaged"):
        fitted(sales(), tmp_path, 1, str(tmp_path / "x.ckpt"))
    with pytest.raises(ConfigError, match="nothing of the network"):
        fitted(sales(), tmp_path, 1, before[1], members=2)


HOLIDAYS = {"holidays": ["US"], "frequency": "D"}


def test_holidays_go_by_their_names_and_the_rest_of_the_network_stays(tmp_path, capsys):
    old, trainer = fitted(sales(days=150), tmp_path, 3, **HOLIDAYS)  # to the end of May
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    new, _ = fitted(sales(days=360), tmp_path, 1, str(tmp_path / "x.ckpt"), **HOLIDAYS)
    known, now = (next(f for f in m.encoder.features if hasattr(f, "names")) for m in (old, new))
    assert set(known.names) < set(now.names)
    assert sorted(now.names)[: len(known.names)] != sorted(known.names)  # their rows have moved
    for place, name in enumerate(now.names, start=2):
        before = known.names.index(name) + 2 if name in known.names else 1
        torch.testing.assert_close(now.table[place], known.table[before])
    said = capsys.readouterr().err
    assert "new texts begin as the unknown one: holidays '" in said
    assert "anew" not in said


def test_texts_are_found_though_another_feature_came(before, tmp_path):
    old, path = before
    frame = sales().assign(promo=lambda rows: rows.price.astype(str))
    grown = pd.concat([frame, frame.assign(shop=lambda rows: "a" + rows["shop"])])
    new, _ = fitted(grown, tmp_path, 1, path, future=["price", "promo"], categorical=["promo"])
    known, now = vectors(old, "static.shop"), vectors(new, "static.shop")
    for text, vector in now.items():
        torch.testing.assert_close(vector, known.get(text, known[""]))


def test_a_checkpoint_that_knows_what_is_judged_is_refused(tmp_path):
    _, trainer = fitted(sales(), tmp_path, 1, validation=7, test=0)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    with pytest.raises(ConfigError, match="scores would be those of known values"):
        fitted(sales(), tmp_path, 1, str(tmp_path / "x.ckpt"), validation=7, test=7)
    fitted(sales(days=140), tmp_path, 1, str(tmp_path / "x.ckpt"), validation=7, test=7)
    with pytest.raises(ConfigError, match="scores would be those of known values"):
        data, model = parts(sales(), validation=7, test=14)
        L.Trainer(max_steps=3, logger=False, enable_checkpointing=False, accelerator="cpu",
                  enable_progress_bar=False).fit(model, data, ckpt_path=tmp_path / "x.ckpt")  # fmt: skip
