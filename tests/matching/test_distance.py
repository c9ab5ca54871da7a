import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from in_float64 import normal

from gcond.matching import (
    AngleAndMagnitude,
    CosinePerUnit,
    FlatCosine,
    RelativeSquaredL2,
    SquaredL2,
)

DISTANCES = [
    CosinePerUnit(),
    AngleAndMagnitude(0.7),
    FlatCosine(),
    SquaredL2(),
    RelativeSquaredL2(),
]
PER_UNIT = (CosinePerUnit, AngleAndMagnitude)
EXACT = [CosinePerUnit(eps=0), FlatCosine(eps=0), SquaredL2(), RelativeSquaredL2(eps=0)]
# A linear map [in, out], its bias, and a convolution [out, in, height, width].
SHAPES = ((5, 3), (3,), (4, 2, 3, 3))
UNITS = (-1, None, -4)
IMPORTANCE = torch.tensor([1.0, 0.25, 0.5], dtype=torch.float64)

each_distance = pytest.mark.parametrize("distance", DISTANCES, ids=str)
each_exact = pytest.mark.parametrize("distance", EXACT, ids=str)


def signature(seed):
    return tuple(normal(3, *shape, seed=seed + i) for i, shape in enumerate(SHAPES))


def cosine(u, v, eps):
    dot, norm_u, norm_v = 0.0, 0.0, 0.0
    for a, b in zip(u.flatten().tolist(), v.flatten().tolist(), strict=True):
        dot, norm_u, norm_v = dot + a * b, norm_u + a * a, norm_v + b * b
    return 1 - dot / (math.sqrt(norm_u * norm_v) + eps)


def squared(values):
    return sum(a * a for a in values.flatten().tolist())


def naive(distance, synthetic, real, k):
    """The distance of group ``k``, number by number."""
    pairs = [(g[k], h[k]) for g, h in zip(synthetic, real, strict=True)]
    if isinstance(distance, PER_UNIT):
        weight = getattr(distance, "magnitude", 0.0)
        return sum(
            cosine(g.select(unit, j), h.select(unit, j), distance.eps)
            + weight * math.sqrt(squared(g.select(unit, j) - h.select(unit, j)))
            for (g, h), unit in zip(pairs, UNITS, strict=True)
            if unit is not None
            for j in range(g.shape[unit])
        )
    if isinstance(distance, FlatCosine):
        u, v = (torch.cat([side.flatten() for side in both]) for both in zip(*pairs, strict=True))
        return cosine(u, v, distance.eps)
    difference = sum(squared(g - h) for g, h in pairs)
    if isinstance(distance, SquaredL2):
        return difference
    return difference / (sum(squared(h) for _, h in pairs) + distance.eps)


@each_distance
def test_value_equals_a_loop_over_groups_units_and_numbers(distance):
    synthetic, real = signature(0), signature(10)
    value, _ = distance(synthetic, real, UNITS, IMPORTANCE)
    expected = sum(w * naive(distance, synthetic, real, k) for k, w in enumerate(IMPORTANCE))
    assert float(value) == pytest.approx(float(expected), abs=1e-10)


def with_zeros(where):
    synthetic, real = signature(0), signature(10)
    for side in {"synthetic": [synthetic], "real": [real], "both": [synthetic, real]}[where]:
        side[0][0, :, 1] = 0  # one output unit
        side[2][1, 2] = 0
        for tensor in side:
            tensor[2] = 0  # one group
    return synthetic, real


@each_distance
@pytest.mark.parametrize("where", ["nowhere", "synthetic", "real", "both"])
def test_cotangent_equals_autograd_also_at_zero_gradients(distance, where):
    synthetic, real = (signature(0), signature(10)) if where == "nowhere" else with_zeros(where)
    leaves = tuple(g.requires_grad_() for g in synthetic)
    value, cotangent = distance(leaves, real, UNITS, IMPORTANCE)
    expected = torch.autograd.grad(value, leaves, allow_unused=True)
    for found, wanted, leaf in zip(cotangent, expected, leaves, strict=True):
        wanted = torch.zeros_like(leaf) if wanted is None else wanted
        assert bool(torch.isfinite(found).all())
        # A vanishing real gradient makes these numbers large: 1 / eps is 1e12.
        scale = max(1.0, float(wanted.abs().max()))
        assert float((found - wanted).detach().abs().max()) <= 1e-10 * scale


@each_distance
def test_value_passes_gradcheck(distance):
    real = signature(10)
    leaves = tuple(g.requires_grad_() for g in signature(0))
    assert torch.autograd.gradcheck(lambda *g: distance(g, real, UNITS, IMPORTANCE)[0], leaves)


@each_distance
def test_zero_gradients_on_both_sides_give_finite_float32_numbers(distance):
    zero = tuple(torch.zeros(3, *shape) for shape in SHAPES)
    value, cotangent = distance(zero, zero, UNITS, IMPORTANCE.float())
    assert math.isfinite(value)
    assert all(float(c.abs().max()) == 0 for c in cotangent)


@pytest.mark.parametrize("distance", EXACT, ids=str)
def test_a_silent_unit_gives_finite_numbers_also_without_eps(distance):
    synthetic, real = signature(0), signature(10)
    for side in (synthetic, real):
        side[0][1, :, 2] = 0  # a hidden unit that no row of the group switches on
    synthetic[0][1, :, 0] = 0  # one that only real rows switch on
    value, cotangent = distance(synthetic, real, UNITS, IMPORTANCE)
    assert math.isfinite(value)
    assert all(bool(torch.isfinite(c).all()) for c in cotangent)


def test_biases_count_in_all_distances_but_the_one_per_unit():
    synthetic, real = signature(0), signature(10)
    other = (synthetic[0], synthetic[1] + 1, synthetic[2])
    for distance in DISTANCES:
        a, _ = distance(synthetic, real, UNITS, IMPORTANCE)
        b, _ = distance(other, real, UNITS, IMPORTANCE)
        assert bool(a == b) == isinstance(distance, PER_UNIT)


def test_units_decide_which_axis_is_compared():
    synthetic, real = (normal(1, 4, 4),), (normal(1, 4, 4, seed=1),)
    one = torch.ones(1, dtype=torch.float64)
    columns, pull = CosinePerUnit()(synthetic, real, (-1,), one)
    rows, other = CosinePerUnit()((synthetic[0].mT,), (real[0].mT,), (-2,), one)
    wrong, _ = CosinePerUnit()(synthetic, real, (-2,), one)
    assert float(columns) == pytest.approx(float(rows), abs=1e-12)
    assert torch.allclose(pull[0], other[0].mT, atol=1e-12, rtol=0)
    assert abs(float(columns - wrong)) > 1e-3


@each_exact
@given(seed=st.integers(0, 10_000))
def test_zero_at_equality(distance, seed):
    g = signature(seed)
    value, cotangent = distance(g, g, UNITS, IMPORTANCE)
    assert abs(float(value)) < 1e-12
    assert all(float(c.abs().max()) < 1e-12 for c in cotangent)


@each_distance
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_never_negative(distance, seed, scale):
    synthetic = tuple(scale * g for g in signature(seed))
    near = tuple(g + 1e-3 * n for g, n in zip(synthetic, signature(seed + 50), strict=True))
    for real in (near, signature(seed + 100)):
        value, _ = distance(synthetic, real, UNITS, IMPORTANCE)
        assert float(value) >= -1e-12


@pytest.mark.parametrize("distance", EXACT[:2], ids=str)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_cosines_do_not_depend_on_positive_scales(distance, seed, scale):
    synthetic, real = signature(seed), signature(seed + 100)
    value, _ = distance(synthetic, real, UNITS, IMPORTANCE)
    for a, b in ((scale, 1.0), (1.0, scale)):
        scaled = tuple(a * g for g in synthetic), tuple(b * h for h in real)
        other, _ = distance(*scaled, UNITS, IMPORTANCE)
        assert float(other) == pytest.approx(float(value), abs=1e-10)


def test_relative_distance_does_not_depend_on_a_common_scale():
    synthetic, real = signature(0), signature(10)
    value, _ = RelativeSquaredL2(eps=0)(synthetic, real, UNITS, IMPORTANCE)
    scaled = tuple(7 * g for g in synthetic), tuple(7 * h for h in real)
    other, _ = RelativeSquaredL2(eps=0)(*scaled, UNITS, IMPORTANCE)
    assert float(other) == pytest.approx(float(value), abs=1e-10)


def test_eps_damps_small_gradients_in_the_cosine():
    g = signature(0)
    tiny = tuple(1e-6 * tensor for tensor in g)
    equal, _ = CosinePerUnit()(g, g, UNITS, IMPORTANCE)
    damped, _ = CosinePerUnit()(tiny, tiny, UNITS, IMPORTANCE)
    num_units = 3 + 4
    assert float(equal) < 1e-4
    assert float(damped) > 0.99 * num_units * float(IMPORTANCE.sum())


@each_distance
def test_half_precision_is_compared_in_float32(distance):
    synthetic, real = (tuple(t.bfloat16() for t in signature(seed)) for seed in (0, 10))
    wide = [tuple(t.float() for t in side) for side in (synthetic, real)]
    value, cotangent = distance(synthetic, real, UNITS, IMPORTANCE.float())
    expected, pull = distance(*wide, UNITS, IMPORTANCE.float())
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    for found, wanted in zip(cotangent, pull, strict=True):
        assert found.dtype == torch.bfloat16
        assert torch.equal(found, wanted.bfloat16())


def test_a_signal_without_output_units_is_refused():
    means = (normal(3, 4),)
    for distance in (CosinePerUnit(), AngleAndMagnitude()):
        with pytest.raises(ValueError, match="no output units to compare one by one"):
            distance(means, means, (None,), IMPORTANCE)
