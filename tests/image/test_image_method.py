from dataclasses import replace

import pytest
import torch
from images_in_code import image_task

from gcond.image.method import ImageMethod
from gcond.image.networks import ConvNet
from gcond.image.validation import ImageValidator
from gcond.matching import (
    Bank,
    Best,
    Chunked,
    Embeddings,
    Full,
    ItemwiseGradient,
    Last,
    NonFiniteError,
    Schedule,
    SquaredL2,
    Step,
    Unrolled,
)
from gcond.matching.embeddings import EmbeddingMeans
from gcond.methods import images

MEMORIES = (Full(), Chunked(2))
COUNTS = torch.tensor([2, 1, 2])
LEARNED = [images.DC, images.DSA, images.DM, images.DCC, images.MULTI_LEVEL, images.DD]
each_method = pytest.mark.parametrize("method", LEARNED, ids=lambda method: method.name)


def short(method, epochs=3):
    """The method with a small network and few steps."""
    walks = method.schedule.inner_steps > 0
    schedule = Schedule(epochs, 2, 2) if walks else Schedule(epochs)
    return replace(method, network=ConvNet(4), schedule=schedule, batch_size=8)


def run(method, task=None, seed=0, **more):
    return method.run(task or image_task(), COUNTS, seed=seed, **more)


@each_method
def test_a_run_gives_images_of_every_class_and_leaves_the_callers_state(method):
    task = image_task()
    before, state = task.stored.clone(), torch.get_rng_state()
    found = run(short(method), task)
    assert found.pixels.shape == (5, 1, 8, 8)
    assert torch.bincount(found.y).tolist() == COUNTS.tolist()
    assert bool(torch.isfinite(found.pixels).all())
    assert not found.pixels.requires_grad
    assert torch.equal(task.stored, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(found.progress.losses) == short(method).schedule.steps


@each_method
def test_the_same_seed_gives_the_same_images_and_another_seed_others(method):
    first, again, other = (run(short(method), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.pixels, again.pixels)
    assert first.progress.losses == again.progress.losses
    assert not torch.equal(first.pixels, other.pixels)


@each_method
def test_a_resumed_run_equals_an_uninterrupted_one(method):
    kept = []
    whole = run(short(method), observers=[lambda moment: kept.append(moment.snapshot())])
    for snapshot in kept[1:3]:
        rest = run(short(method), progress=snapshot)
        assert torch.equal(rest.pixels, whole.pixels)
        assert rest.progress.losses == whole.progress.losses


@each_method
def test_images_move_away_from_their_start(method):
    start = short(method).start(image_task(), COUNTS, 0).x.detach()
    moved = image_task().scale.normalised(run(short(method)).pixels) - start
    assert float(moved.abs().max()) > 1e-3


def test_dm_looks_at_real_images_once_for_each_network(monkeypatch):
    seen = []
    measure = EmbeddingMeans.measure
    monkeypatch.setattr(
        EmbeddingMeans, "measure", lambda self, *given: seen.append(1) or measure(self, *given)
    )
    run(replace(short(images.DM, 6), stream=Bank(2)))
    assert len(seen) == 2


def test_mean_embeddings_do_not_depend_on_how_groups_fall_into_chunks():
    task, method = image_task(), short(images.DM)
    bound = method.plan(task, torch.empty(0)).model
    batch = method.start(task, torch.tensor([5, 1, 3]), 0).decode()
    theta = bound.draw(torch.Generator().manual_seed(0))
    (whole,), (mean,) = (Embeddings(m).of(bound).measure(theta, batch) for m in MEMORIES)
    rows = bound.embed(theta, *batch.inputs).detach()
    expected = torch.stack([rows[:5].mean(0), rows[5], rows[6:].mean(0)])
    assert torch.allclose(whole, expected, atol=1e-6)
    assert torch.allclose(mean, expected, atol=1e-6)


@each_method
@pytest.mark.parametrize("memory", [Chunked(3), Chunked(3, again=True)], ids=str)
def test_chunk_sizes_agree(method, memory):
    field = "distance" if isinstance(method.signal, Unrolled) else "signal"

    def holding(strategy):
        return replace(short(method), **{field: replace(getattr(method, field), memory=strategy)})

    assert torch.allclose(run(holding(memory)).pixels, run(holding(Full())).pixels, atol=1e-3)


def test_papers_differ_in_what_they_say_they_differ_in():
    bank = {"stream": Bank(20), "batch_size": 256, "sample_once": True}
    shared = {"schedule": images.DM.schedule, "signal": images.DM.signal}
    assert replace(images.DC, name="dm", distance=SquaredL2(), **shared, **bank) == images.DM
    assert isinstance(images.DM.signal, Embeddings)
    assert images.DM.schedule.outer_steps == 1


def test_matching_learns_in_a_few_steps():
    method = replace(short(images.DC, 10), stream=Bank(1), sample_once=True)
    losses = run(method).progress.losses
    assert losses[-2] < 0.9 * losses[0]


def test_a_bank_of_networks_and_one_real_batch_are_measured_once(monkeypatch):
    seen = []
    measure = ItemwiseGradient.measure
    monkeypatch.setattr(
        ItemwiseGradient, "measure", lambda self, *given: seen.append(1) or measure(self, *given)
    )
    method = replace(short(images.DC), schedule=Schedule(9), stream=Bank(3), sample_once=True)
    run(method)
    assert len(seen) == 3


def test_a_run_that_becomes_infinite_keeps_its_last_good_images():
    method = replace(short(images.DM), pixels=Step(1e30, momentum=0.5))
    with pytest.raises(NonFiniteError) as caught:
        run(method)
    assert bool(torch.isfinite(caught.value.kept.pixels).all())


def test_dataset_distillation_tells_the_training_its_images_were_learned_for():
    found = run(short(images.DD))
    assert found.steps is not None
    assert found.steps.batch.tolist() == [0, 1, 0, 0, 1]
    assert found.steps.lr.shape == (2 * images.DD.rates.epochs,)
    assert bool((found.steps.lr > 0).all())
    assert run(short(images.DC)).steps is None


def test_selectors_give_real_images_of_their_classes():
    task = image_task()
    for method in (images.RANDOM, images.HERDING, images.KCENTER):
        found = run(method, task)
        apart = (task.stored[None] - found.pixels[:, None]).abs().amax((2, 3, 4))
        assert float(apart.min(1).values.max()) < 1e-6
        assert torch.equal(torch.as_tensor(task.y)[apart.argmin(1)], found.y)


def test_a_selector_refuses_more_images_than_there_are():
    with pytest.raises(ValueError, match=r"cannot choose 99 images of class 0, which has \d+"):
        images.RANDOM.run(image_task(), torch.tensor([99, 1, 1]), seed=0)


def test_a_budget_above_the_class_gives_images_that_can_part():
    with pytest.warns(UserWarning, match="repeated"):
        found = short(images.DSA).start(image_task(), torch.tensor([60, 1, 1]), 0)
    assert len(torch.unique(found.x[:60].flatten(1), dim=0)) == 60


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        ImageMethod("dc", Schedule(1), batch_size=0)


@pytest.mark.parametrize("method", [images.DC, images.DM], ids=lambda method: method.name)
def test_networks_with_batch_normalisation_match_too(method):
    norm = replace(short(method), network=ConvNet(4, norm="batch"))
    found = run(replace(norm, advance=replace(norm.advance, batch_size=None)))
    assert bool(torch.isfinite(found.pixels).all())


def test_a_set_is_not_cut_into_batches_under_batch_normalisation():
    method = replace(short(images.DC), network=ConvNet(4, norm="batch"))
    with pytest.raises(ValueError, match="batch_size=256 cuts a set into batches"):
        run(method)


@each_method
def test_under_best_no_method_ends_worse_than_its_start_on_validation_images(method):
    validator = ImageValidator(replace(ImageValidator().training, most_steps=5), models=1)
    chosen = replace(short(method), selection=Best(3), validator=validator)
    found = run(chosen).progress
    assert len(found.scores) == 4
    assert found.scores[found.best_step] == max(found.scores.values())
    again = run(chosen).progress
    assert again.scores == found.scores
    assert run(replace(chosen, selection=Last())).progress.losses == found.losses


def test_a_run_whose_steps_spoil_it_keeps_its_start():
    spoilt = replace(short(images.DM), pixels=Step(50.0, relative=True), selection=Best(2))
    task = image_task()
    found = run(spoilt, task)
    assert found.progress.best_step == 0
    start = task.scale.back(spoilt.start(task, COUNTS, 0).x.detach())
    assert torch.equal(found.pixels, start)


def test_best_without_validation_images_says_that_the_last_step_is_kept():
    task = image_task()
    bare = replace(task, index={**task.index, "val": task.index["val"][:0]})
    with pytest.warns(UserWarning, match="no validation images"):
        found = run(replace(short(images.DM), selection=Best()), bare)
    assert found.progress.best_step == 3
