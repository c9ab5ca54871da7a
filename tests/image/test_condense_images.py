"""Images through the verbs: condense, files, interruption, evaluation, comparison, pictures."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import gcond
from gcond import cli, plot
from gcond.condensed.card import card
from gcond.condensed.citations import bibtex
from gcond.evaluation.image_models import fresh
from gcond.evaluation.images import DC_300, DC_1000, DSA_1000, SHORT, ImageProtocol
from gcond.image.augmentation import PerImage
from gcond.image.initialise import SelectedImages
from gcond.image.networks import MLP, ConvNet
from gcond.image.outcome import Steps
from gcond.image.training import ImageTraining, Lot, seen, stepped, trained
from gcond.matching import Fixed, Schedule
from gcond.testing import check_method, example_images

QUICK = ImageProtocol("quick", ImageTraining(epochs=20, drop_after=10))


def shortened(name, epochs=4):
    """A method with a small network and few steps."""
    method = gcond.get_method(name, "images")
    if not hasattr(method, "schedule"):
        return method
    walks = method.schedule.inner_steps > 0
    schedule = Schedule(epochs, 4, 2) if walks else Schedule(8 * epochs)
    found = replace(method, network=ConvNet(8, depth=2), schedule=schedule, batch_size=16)
    return replace(found, init=SelectedImages(), stream=Fixed() if name == "dd" else found.stream)


@pytest.fixture(scope="module")
def data():
    return example_images()


@pytest.fixture(scope="module")
def small(data):
    return gcond.condense(data, per_class=2, method=shortened("dm"))


@pytest.mark.parametrize("name", gcond.list_methods("images"))
def test_every_method_on_images_keeps_the_contract(name):
    check_method(shortened(name, epochs=3), num_nodes=6, items="images")


def test_the_default_is_dsa_and_sizes_are_those_of_images(data):
    log = gcond.condense(data, 0.04, method="random")
    assert log.num_items == 9
    assert gcond.condense(data, num_images=7, method="random").num_items == 7
    for wrong, what in (("num_nodes", "one graph"), ("num_graphs", "a set of graphs")):
        with pytest.raises(ValueError, match=f"{wrong}=5 is a size for {what}, but example is"):
            gcond.condense(data, **{wrong: 5})
    with pytest.raises(ValueError, match="num_images=5 is a size for a set of images"):
        gcond.condense("digits", num_images=5)
    with pytest.raises(TypeError, match=r"'dsa' given is not one for nodes"):
        gcond.condense("digits", method=gcond.get_method("dsa", "images"))
    with pytest.raises(ValueError, match="cannot choose 900 images of class 0"):
        gcond.condense(data, per_class=900, method="random")
    assert next(iter(gcond.list_methods("images"))) == "dsa"


def test_what_a_result_holds(data, small):
    assert repr(small) == "Condensed(example, 225 -> 6 images, method=dm, seed=0)"
    assert small.images.shape == (6, 1, 8, 8)
    assert small.kind == "images"
    for name in ("data", "graphs"):
        with pytest.raises(ValueError, match=r"set of 6 images; use .images"):
            getattr(small, name)
    with pytest.raises(ValueError, match="not of images"):
        _ = gcond.condense("digits", num_nodes=10, method="random").images
    seen_by, labels = small.to_dataset().tensors
    pixels, _ = small.to_dataset(normalized=False).tensors
    assert torch.equal(pixels, small.images)
    assert torch.equal(seen_by, small.prepare(pixels))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    bytes_ = data.stored[:3]
    assert torch.equal(small.prepare(bytes_), small.prepare(bytes_.float() / 255))
    with pytest.raises(ValueError, match=r"must have shape \[n, 1, 8, 8\]"):
        small.prepare(torch.zeros(1, 1, 9, 8))
    assert "images       6 of 225" in card(small)
    assert "Distribution Matching" in bibtex(small)
    half = small.compact()
    assert half.nbytes < 0.6 * small.nbytes
    assert torch.allclose(half.images, small.images, atol=1e-2)


def test_learned_steps_travel_with_the_file(data, tmp_path):
    small = gcond.condense(data, per_class=2, method=shortened("dd"))
    small.save(tmp_path / "dd.safetensors")
    loaded = gcond.Condensed.load(tmp_path / "dd.safetensors")
    assert torch.equal(loaded.steps.lr, small.steps.lr)
    assert loaded.method == small.method
    assert loaded.source == small.source
    assert "learned, in order" in card(loaded)
    found = gcond.evaluate(loaded, data, seeds=2)
    assert found.protocol == "dd-steps"
    assert [row.name for row in found.rows] == ["condensed", "random", "centroid"]


def test_a_file_that_is_not_what_it_says_is_refused(small, tmp_path):
    path = tmp_path / "a.safetensors"
    for change, message in (
        ({"x": small.x[:, :, :4]}, "images are"),
        ({"y": small.y + 3}, "names classes"),
        ({"steps": Steps(torch.ones(2), torch.tensor([0, 0, 2, 2, 2, 2]))}, "without gaps"),
    ):
        replace(small, **change).save(path)
        with pytest.raises(ValueError, match=message):
            gcond.Condensed.load(path)


def test_an_interrupted_run_ends_with_the_same_bytes(data, tmp_path):
    method = shortened("dsa")

    def stop(moment):
        if moment.progress.epoch == 2:
            raise KeyboardInterrupt

    kept = tmp_path / "run.safetensors"
    gcond.condense(data, per_class=1, method=method).save(tmp_path / "whole.safetensors")
    with pytest.raises(KeyboardInterrupt):
        gcond.condense(data, per_class=1, method=method, observers=[stop], checkpoint=kept)
    rest = gcond.condense(data, per_class=1, method=method, checkpoint=kept, resume=True)
    rest.save(tmp_path / "rest.safetensors")
    assert (tmp_path / "rest.safetensors").read_bytes() == (
        tmp_path / "whole.safetensors"
    ).read_bytes()
    with pytest.raises(ValueError, match="checkpoint of another run"):
        gcond.condense(data, per_class=2, method=method, checkpoint=kept, resume=True)


def test_protocols_say_what_the_papers_do():
    dc, dsa = DC_300.training, DSA_1000.training
    assert (dc.epochs, dc.drop_after, dc.augmentation, dc.most_steps) == (301, 152, None, None)
    assert (dsa.epochs, dsa.drop_after) == (1001, 502)
    assert (dc.lr, dc.momentum, dc.weight_decay, dc.batch_size) == (0.01, 0.9, 5e-4, 256)
    assert "flip" in DSA_1000.training_on("fashion-mnist").augmentation.strategy
    assert "flip" not in DSA_1000.training_on("mnist").augmentation.strategy
    digits = DC_1000.training_on("mnist")
    assert digits == DC_1000.training
    assert (digits.epochs, digits.drop_after, digits.augmentation) == (1001, 502, PerImage())
    assert len({each.digest for each in (DC_300, DC_1000, DSA_1000)}) == 3
    assert SHORT.training.steps(60_000) == 300


def test_training_is_sgd_with_one_drop_and_new_momentum():
    lot = Lot(torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 0, 1, 0]), 2, (1, 8, 8))
    training = ImageTraining(epochs=6, drop_after=4, batch_size=8)
    ours = trained(fresh(MLP(4), lot.shape, 2, 3), lot, training, 3)
    plain = fresh(MLP(4), lot.shape, 2, 3)
    for lr, steps in ((0.01, 4), (0.001, 2)):
        sgd = torch.optim.SGD(plain.parameters(), lr, momentum=0.9, weight_decay=5e-4)
        for _ in range(steps):
            sgd.zero_grad()
            nn.functional.cross_entropy(plain(lot.x), lot.y).backward()
            sgd.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_learned_steps_are_applied_in_their_order_and_nothing_else():
    x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 0, 1, 1])
    lot, steps = (
        Lot(x, y, 2, (1, 8, 8)),
        Steps(torch.tensor([0.1, 0.2, 0.3]), y * 0 + torch.tensor([0, 1, 0, 1])),
    )
    ours = stepped(fresh(MLP(4), lot.shape, 2, 0), lot, steps)
    plain = fresh(MLP(4), lot.shape, 2, 0)
    for lr, rows in ((0.1, [0, 2]), (0.2, [1, 3]), (0.3, [0, 2])):
        plain.zero_grad()
        nn.functional.cross_entropy(plain(x[rows]), y[rows]).backward()
        with torch.no_grad():
            for p in plain.parameters():
                p -= lr * p.grad
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_augmented_training_images_differ_from_each_other():
    x = torch.rand(1, 1, 8, 8).expand(6, -1, -1, -1)
    y = torch.zeros(6, dtype=torch.long)
    found = seen(SHORT.training.augmentation, x, y, torch.Generator().manual_seed(0))
    assert found.shape == x.shape
    assert not torch.equal(found[0], found[1])


def test_evaluation_names_its_protocol_and_says_the_gain_over_random(small, data):
    state = torch.get_rng_state()
    found = gcond.evaluate(
        small, data, protocol=QUICK, model="MLP", seeds=2, baselines=("random", "whole")
    )
    again = gcond.evaluate(small, data, protocol=QUICK, model="MLP", seeds=1, baselines=())
    assert found.rows[0].accuracies[0] == again.rows[0].accuracies[0]
    assert torch.equal(state, torch.get_rng_state())
    assert [row.name for row in found.rows] == ["condensed", "random", "whole"]
    table = found.table("plain")
    assert "protocol quick" in table
    assert "per class" in table
    gain = found.rows[0].mean - found.rows[1].mean
    assert found.gains["condensed"] == f"{gain:+.1f}"
    assert len(found.rows[0].validation) == 2
    with pytest.raises(ValueError, match="unknown protocol 'dc-30' for images; did you"):
        gcond.evaluate(small, data, protocol="dc-30")
    with pytest.raises(ValueError, match="there are none; use another protocol"):
        gcond.evaluate(small, data, protocol="dd-steps")
    with pytest.raises(ValueError, match="unknown network 'ConvNett'; did you mean 'ConvNet'"):
        gcond.evaluate(small, data, model="ConvNett")
    with pytest.raises(ValueError, match="condensed from other data"):
        gcond.evaluate(small, example_images(seed=1))


def test_any_network_is_judged_and_fitted(small, data):
    def linear(channels, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, classes))

    for model in (linear, linear(1, 3), ConvNet(4, depth=1), "convnetd1"):
        found = gcond.evaluate(small, data, model=model, protocol=QUICK, seeds=1, baselines=())
        assert found.mean > 20
    module = gcond.fit(small, ConvNet(4, depth=1), protocol=QUICK)
    assert not module.training
    assert module(small.prepare(data.stored[:2])).shape == (2, 3)


def test_comparison_of_networks(small, data):
    found = gcond.compare(
        [small, gcond.condense(data, per_class=1, method="random")],
        data,
        models=["MLP", ConvNet(4, depth=1)],
        protocol=QUICK,
        seeds=1,
        baselines=("random",),
    )
    assert found.models == (
        "MLP",
        "ConvNet(width=4, depth=1, norm='instance', pooling='avg', activation='relu')",
    )
    assert [s.method for s in found.subjects] == ["dm", "random", "random"]
    assert found.subjects[0].ratio == pytest.approx(6 / 225)
    assert "| images |" in found.table()
    with pytest.raises(ValueError, match="images and nodes have no architectures in common"):
        gcond.compare([small, gcond.condense("digits", num_nodes=10, method="random")])


def test_pictures_show_each_class_before_and_after(small, data, tmp_path):
    ax = plot.images(small)
    assert ax.images[0].get_array().shape == (3 * 9 - 1, 2 * 9 - 1, 3)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1", "2"]
    before, after, run = plot.figure(small, data).axes
    assert [each.get_title(loc="left") for each in (before, after)] == ["before", "after"]
    assert not (before.images[0].get_array() == after.images[0].get_array()).all()
    start = plot.grid.start_of(small, data)
    assert torch.equal(start, gcond.condense(data, per_class=2, method=shortened("dm", 0)).images)
    assert run.get_ylabel() == "matching loss"
    plot.save(plot.figure(small), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_command_line_takes_images(tmp_path, capsys):
    out = tmp_path / "d.safetensors"
    line = (
        f"condense digits-images --per-class 1 --method dm --network.width 8 --network.depth 2 "
        f"--schedule.epochs 3 --out {out} --plot {tmp_path / 'd.png'} --json"
    )
    assert cli.main(line.split()) == 0
    assert json.loads(capsys.readouterr().out)["images"] == "10 of 1,079 (0.93%)"
    assert cli.main(["show", str(out)]) == 0
    assert "1 x 8 x 8" in capsys.readouterr().out
    assert cli.main(f"fit {out} --out {tmp_path / 'm.safetensors'} --model MLP".split()) == 0
    assert load_file(tmp_path / "m.safetensors")["head.weight"].shape == (10, 128)
    capsys.readouterr()
    assert cli.main(f"evaluate {out} --model MLP --seeds 1 --json".split()) == 0
    assert json.loads(capsys.readouterr().out)["unit"] == "images"
    assert cli.main(f"compare {out} --models MLP --seeds 1 --protocol dc-300".split()) == 0
    assert "dc-300" in capsys.readouterr().out
    assert cli.main(["methods", "dsa", "--items", "images"]) == 0
    assert "--network conv-net" in capsys.readouterr().out
    assert cli.main(["condense", "digits-images", "--num-nodes", "5"]) == 2
    assert "use num_images=" in capsys.readouterr().err
