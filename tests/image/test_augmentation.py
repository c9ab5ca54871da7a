import pytest
import torch

from gcond.image.augmentation import NUMBERS, TRANSFORMATIONS, PerImage, Siamese
from gcond.matching import Batch, ByClass, targets

CLASSES = torch.tensor([0, 0, 1, 1, 2, 2])
each_operation = pytest.mark.parametrize("name", TRANSFORMATIONS)


def images(n=6, channels=3, side=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, side, side, generator=generator, dtype=torch.float64)


def batch_of(x, classes=CLASSES):
    groups = ByClass().partition(classes, torch.bincount(classes), torch.float64)
    return Batch((x,), targets(classes, 3, torch.float64), groups)


def view(strategy="color_crop_cutout_flip_scale_rotate", seed=0, **more):
    return Siamese(strategy, **more).draw(torch.Generator().manual_seed(seed))


@each_operation
def test_one_draw_changes_equal_images_of_a_class_equally_on_both_sides(name):
    drawn, x = view(name), images()
    x[1::2] = x[::2]
    seen = drawn(batch_of(x)).inputs[0]
    other = drawn(batch_of(x[::2], CLASSES[::2])).inputs[0]
    assert torch.equal(seen[::2], seen[1::2])
    assert torch.equal(seen[::2], other)


def test_classes_and_draws_are_seen_differently():
    x = images()[:1].expand(6, -1, -1, -1)
    first, second = (view(seed=seed)(batch_of(x)).inputs[0] for seed in (0, 1))
    assert not torch.equal(first[0], first[2])
    assert not torch.equal(first, second)


def test_the_callers_random_state_is_not_used():
    state = torch.get_rng_state()
    view()(batch_of(images()))
    assert torch.equal(torch.get_rng_state(), state)


def test_in_training_images_of_a_batch_differ():
    x = images()[:1].expand(6, -1, -1, -1)
    seen = view("rotate", per_item=True)(batch_of(x)).inputs[0]
    assert all(not torch.equal(seen[0], seen[i]) for i in range(1, 6))


@each_operation
def test_operations_are_differentiable(name):
    x = images(2, side=6).requires_grad_()
    numbers = torch.rand(2, NUMBERS, generator=torch.Generator().manual_seed(1)).double()
    assert torch.autograd.gradcheck(lambda images: TRANSFORMATIONS[name](images, numbers), x)


def numbers_of(*first):
    u = torch.full((1, NUMBERS), 0.5, dtype=torch.float64)
    u[0, : len(first)] = torch.tensor(first)
    return u


def test_operations_in_the_middle_of_their_range_change_nothing_and_others_do():
    x = images(1)
    for name in ("color", "crop", "scale", "rotate"):
        middle = numbers_of((1 - 1 / 1.2) / (1.2 - 1 / 1.2), (1 - 1 / 1.2) / (1.2 - 1 / 1.2))
        same = middle if name == "scale" else numbers_of()
        assert torch.allclose(TRANSFORMATIONS[name](x, same), x, atol=1e-6), name
        assert not torch.allclose(TRANSFORMATIONS[name](x, numbers_of(0.01, 0.9)), x), name


def test_operations_do_what_they_are_called():
    x = images(1)
    assert torch.equal(TRANSFORMATIONS["flip"](x, numbers_of(0.4)), x.flip(3))
    assert torch.equal(TRANSFORMATIONS["flip"](x, numbers_of(0.6)), x)
    brighter = TRANSFORMATIONS["color"](x, numbers_of(0.75, 0.5, 0.5))
    assert torch.allclose(brighter, x + 0.25)
    moved = TRANSFORMATIONS["crop"](x, numbers_of(0.99, 0.5))
    assert torch.equal(moved[:, :, :7], x[:, :, 1:])
    assert not bool(moved[:, :, 7].any())
    hole = TRANSFORMATIONS["cutout"](x, numbers_of(0.5, 0.5)) == 0
    assert int(hole[0, 0].sum()) == 16
    grey = images(1, channels=1)
    saturated = TRANSFORMATIONS["color"](grey, numbers_of(0.5, 0.9, 0.5))
    assert torch.allclose(saturated, grey)


def test_an_unknown_transformation_is_refused():
    with pytest.raises(ValueError, match="unknown transformation 'blur' in strategy 'flip_blur'"):
        Siamese("flip_blur")
    with pytest.raises(ValueError, match="'flip' in strategy 'crop_flip'; known: crop, scale, rot"):
        PerImage("crop_flip")


def per_image(x, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return PerImage(**options).draw(generator)(batch_of(x, torch.arange(len(x)) % 3)).inputs[0]


def test_each_image_is_shifted_scaled_or_rotated_by_itself():
    x = images(2, 1, 12).repeat_interleave(30, 0)
    seen = per_image(x)
    assert seen.shape == x.shape
    assert not torch.equal(seen, x)
    assert len(seen.flatten(1).unique(dim=0)) > 40
    assert torch.equal(per_image(x), seen)
    assert not torch.equal(per_image(x, seed=1), seen)
    assert torch.equal(x, images(2, 1, 12).repeat_interleave(30, 0))


@pytest.mark.parametrize("seed", range(6))
def test_one_image_takes_one_transformation(seed):
    assert per_image(images(1), seed).shape == (1, 3, 8, 8)


def test_images_are_shifted_by_as_many_pixels_as_allowed_and_filled_with_the_mean():
    x = images(1, 1, 12).expand(200, -1, -1, -1)
    mean = x.mean()
    found = set()
    for image in per_image(x, strategy="crop", crop=2)[:, 0]:
        places = [
            (i, j)
            for i in range(-2, 3)
            for j in range(-2, 3)
            if torch.allclose(image[2:-2, 2:-2], x[0, 0, 2 + i : 10 + i, 2 + j : 10 + j])
        ]
        found.update(places)
        ((i, j),) = places
        outside = torch.ones(12, 12, dtype=torch.bool)
        outside[max(0, -i) : 12 - max(0, i), max(0, -j) : 12 - max(0, j)] = False
        assert torch.allclose(image[outside], mean)
    assert found == {(i, j) for i in range(-2, 2) for j in range(-2, 2)}


@pytest.mark.parametrize(
    ("options", "unchanged"),
    [
        ({"strategy": "scale", "scale": 0.0}, True),
        ({"strategy": "rotate", "degrees": 0.0}, True),
        ({"strategy": "scale"}, False),
        ({"strategy": "rotate"}, False),
    ],
)
def test_sizes_and_angles_are_as_large_as_allowed(options, unchanged):
    x = images(6, 2, 12)
    assert torch.allclose(per_image(x, **options), x, atol=1e-6) == unchanged
