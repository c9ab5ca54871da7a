"""Files that are cut off, changed, foreign or too new, and ten thousand mutations of good ones."""

import json
import resource
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

import gcond
from gcond.condensed import container
from gcond.matching import Schedule
from gcond.testing import example_graph


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A file, as bytes, with edges, scores and losses in it."""
    path = tmp_path_factory.mktemp("good") / "small.safetensors"
    quick = replace(gcond.get_method("gcond"), schedule=Schedule(2, 2, 1))
    gcond.condense(example_graph(), num_nodes=6, method=quick, normalize="standard").save(path)
    return path.read_bytes()


@pytest.fixture
def opened(tmp_path):
    """Opens bytes as a file."""

    def load(content):
        path = tmp_path / "file.safetensors"
        path.write_bytes(content)
        return gcond.Condensed.load(path)

    return load


def parts(content):
    """The header of ours, and the tensors."""
    (size,) = struct.unpack("<Q", content[:8])
    text = json.loads(content[8 : 8 + size])["__metadata__"]["gcond"]
    from safetensors.torch import load

    return json.loads(text), load(content)


def signed(header, tensors):
    """A file of that content with a checksum that fits, as someone who wants to mislead makes."""
    header = {key: value for key, value in header.items() if key != "sha256"}
    try:
        header["sha256"] = container._checksum(container._text(header), tensors)
        return save(tensors, {"gcond": container._text(header)})
    except ValueError:
        return save(tensors, {"gcond": json.dumps(header)})


def changed(content, *keys, value):
    """The file with one entry of its header replaced; ``value`` may be a function of the old."""
    header, tensors = parts(content)
    holder = header
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value(holder[keys[-1]]) if callable(value) else value
    return signed(header, tensors)


def with_tensor(content, name, value):
    header, tensors = parts(content)
    tensors[name] = value(tensors[name])
    return signed(header, tensors)


def without(content, name):
    header, tensors = parts(content)
    del tensors[name]
    return signed(header, tensors)


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


CASES = {
    "empty": (lambda c: b"", "cut off or no safetensors file"),
    "text": (lambda c: b"not a file of this kind", "cut off or no safetensors file"),
    "a pickle": (lambda c: b"\x80\x04\x95" + c[:50], "cut off or no safetensors file"),
    "cut in the header": (lambda c: c[:100], "cut off"),
    "cut in the tensors": (lambda c: c[:-20], "damaged"),
    "longer": (lambda c: c + b"more", "damaged"),
    "huge header claimed": (
        lambda c: struct.pack("<Q", 2**62) + c[8:],
        "cut off or no safetensors file",
    ),
    "a byte of a tensor": (lambda c: c[:-3] + bytes([c[-3] ^ 1]) + c[-2:], "checksum"),
    "foreign": (lambda c: save({"x": torch.ones(2)}), "gcond did not write it"),
    "header no JSON": (lambda c: save({"x": torch.ones(2)}, {"gcond": "{"}), "cannot be read"),
    "header a list": (lambda c: save({"x": torch.ones(2)}, {"gcond": "[]"}), "no JSON object"),
    "header of NaN": (
        lambda c: save({"x": torch.ones(2)}, {"gcond": '{"format": NaN}'}),
        "NaN is not a number",
    ),
    "deep header": (
        lambda c: save({"x": torch.ones(2)}, {"gcond": "[" * 10**5}),
        "cannot be read",
    ),
    "no format": (lambda c: changed(c, "format", value=None), "states no format"),
    "format a text": (lambda c: changed(c, "format", value="1"), "states no format"),
    "newer format": (lambda c: changed(c, "format", value=2), "reads up to 1; upgrade gcond"),
    "another kind": (lambda c: changed(c, "kind", value="checkpoint"), "wanted is 'nodes'"),
    "no checksum": (
        lambda c: save(parts(c)[1], {"gcond": json.dumps({"format": 1, "kind": "nodes"})}),
        "checksum",
    ),
    "no source": (lambda c: changed(c, "source", value=None), "source must be an object"),
    "source without a name": (lambda c: changed(c, "source", "name", value=3), "valid name"),
    "negative size": (lambda c: changed(c, "source", "num_nodes", value=-1), "valid num_nodes"),
    "labels twice": (
        lambda c: changed(c, "source", "label_names", value=[0, 0, 1]),
        "valid label_names",
    ),
    "fewer labels": (
        lambda c: changed(c, "source", "label_names", value=[0, 1]),
        "classes it does",
    ),
    "unknown setting": (lambda c: changed(c, "source", "setting", value="x"), "valid setting"),
    "fingerprint": (lambda c: changed(c, "source", "fingerprint", value="x"), "fingerprint"),
    "unknown field": (lambda c: changed(c, "source", value=lambda s: {**s, "y": 1}), "unknown"),
    "preprocess of another type": (
        lambda c: changed(c, "source", "preprocess", value={"type": "os.system"}),
        "unknown configuration type 'os.system'",
    ),
    "preprocess of another kind": (
        lambda c: changed(c, "source", "preprocess", "kind", value="l2"),
        "no valid kind",
    ),
    "preprocess of another width": (
        lambda c: changed(c, "source", "preprocess", "mean", value=[0.0]),
        "must have 16 means",
    ),
    "preprocess by zero": (
        lambda c: changed(c, "source", "preprocess", "std", value=[0.0] * 16),
        "must be positive",
    ),
    "no configuration": (lambda c: changed(c, "config", value=[]), "config must be an object"),
    "configuration without a name": (lambda c: changed(c, "config", "name", value=1), "no name"),
    "seed": (lambda c: changed(c, "seed", value=True), "seed must be"),
    "huge seed": (lambda c: changed(c, "seed", value=10**40), "seed must be"),
    "selected step": (lambda c: changed(c, "selected_step", value=-1), "selected_step must be"),
    "scores": (lambda c: changed(c, "scores", value={"x": 1.0}), "scores has the entry 'x'"),
    "scores beyond floats": (lambda c: changed(c, "scores", value={"1": 10**400}), "has the entry"),
    "scores of texts": (lambda c: changed(c, "scores", value={"1": "x"}), "scores has the entry"),
    "versions": (lambda c: changed(c, "versions", value={"torch": 2}), "versions must be texts"),
    "deep configuration": (
        lambda c: changed(c, "config", value={"name": nested(100)}),
        "no name",
    ),
    "a tensor less": (lambda c: without(c, "y"), "it holds the tensors"),
    "a tensor more": (lambda c: with_more(c), "it holds the tensors"),
    "x of another width": (
        lambda c: with_tensor(c, "x", lambda t: t[:, 1:].clone()),
        "x has shape",
    ),
    "x of whole numbers": (lambda c: with_tensor(c, "x", lambda t: t.long()), "x has shape"),
    "x with NaN": (lambda c: with_tensor(c, "x", lambda t: t * torch.nan), "x is not finite"),
    "no nodes": (lambda c: with_tensor(c, "y", lambda t: t[:0]), "y must be a list"),
    "y a number": (lambda c: with_tensor(c, "y", lambda t: t[0].clone()), "y must be a list"),
    "y of fractions": (lambda c: with_tensor(c, "y", lambda t: t.float()), "y must be a list"),
    "y beyond": (lambda c: with_tensor(c, "y", lambda t: t + 9), "classes it does not have"),
    "edges beyond": (lambda c: with_tensor(c, "edge_index", lambda t: t + 9), "beyond the 6"),
    "edges negative": (lambda c: with_tensor(c, "edge_index", lambda t: t - 9), "beyond the 6"),
    "edges flat": (lambda c: with_tensor(c, "edge_index", lambda t: t[0].clone()), "no list"),
    "weights fewer": (lambda c: with_tensor(c, "edge_weight", lambda t: t[1:].clone()), "not fit"),
    "weights negative": (lambda c: with_tensor(c, "edge_weight", lambda t: -t), "not be negative"),
    "losses of another type": (lambda c: with_tensor(c, "losses", lambda t: t.float()), "losses"),
}


def unsigned(content):
    header, tensors = parts(content)
    del header["sha256"]
    return save(tensors, {"gcond": json.dumps(header)})


def with_more(content):
    header, tensors = parts(content)
    return signed(header, {**tensors, "more": torch.ones(1)})


@pytest.mark.parametrize("case", CASES)
def test_bad_files_are_refused_with_a_reason(case, good, opened):
    make, message = CASES[case]
    with pytest.raises(ValueError, match=message):
        opened(make(good))


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.safetensors"):
        with pytest.raises(FileNotFoundError, match="gcond condense --out writes one"):
            gcond.Condensed.load(path)


def test_the_good_file_opens_and_needs_no_gcond(good, opened, tmp_path):
    small = opened(good)
    tensors = load_file(tmp_path / "file.safetensors")
    assert torch.equal(tensors["x"], small.x)
    assert torch.equal(tensors["edge_index"], small.edge_index)
    header = parts(good)[0]
    assert header["source"]["num_nodes"] == 240
    assert header["config"]["schedule"] == {
        "type": "Schedule",
        "epochs": 2,
        "outer_steps": 2,
        "inner_steps": 1,
    }


def mutated(content, rng):
    """One of: bytes overwritten, cut, doubled or inserted; or an entry of the header or a tensor
    replaced and the checksum made to fit."""
    kind = rng.integers(6)
    position = int(rng.integers(len(content)))
    # Half of the damage is done to the header, which is where decisions are made.
    position = position if rng.random() < 0.5 else int(rng.integers(3000))
    junk = rng.bytes(int(rng.integers(1, 9)))
    if kind == 0:
        return content[:position] + junk + content[position + len(junk) :]
    if kind == 1:
        return content[:position]
    if kind == 2:
        return content[:position] + junk + content[position:]
    if kind == 3:
        return content[:position] + content[position : position + 64] * 2 + content[position + 64 :]
    header, tensors = parts(content)
    if kind == 4:
        holder, key = walk(header, rng)
        holder[key] = JUNK[rng.integers(len(JUNK))]
    else:
        name = sorted(tensors)[rng.integers(len(tensors))]
        tensors[name] = TENSORS[rng.integers(len(TENSORS))](tensors[name])
    return signed(header, tensors)


JUNK = (
    None,
    True,
    -1,
    0,
    2**63,
    10**30,
    1e308,
    "",
    "x",
    "../../x",
    [],
    [[]],
    {},
    {"type": "x"},
    [1],
)
TENSORS = (
    lambda t: t.double(),
    lambda t: t.to(torch.int8),
    lambda t: t.bool(),
    lambda t: t[:0].clone(),
    lambda t: t.flatten(),
    lambda t: -t,
    lambda t: t * 1000,
    lambda t: t[None].clone(),
    lambda t: torch.full_like(t.double(), torch.inf).to(t.dtype),
)


def walk(holder, rng):
    """A random entry of a header, at any depth."""
    while True:
        keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[int(rng.integers(len(keys)))]
        below = holder[key]
        if not isinstance(below, dict | list) or not below or rng.random() < 0.3:
            return holder, key
        holder = below


def test_ten_thousand_mutated_files_are_refused_or_sound(good, opened):
    rng = np.random.default_rng(0)
    refused = sound = 0
    before = peak_memory()
    for _ in range(10_000):
        content = mutated(good, rng)
        try:
            small = opened(content)
        except ValueError:  # nothing else may come out
            refused += 1
            continue
        sound += 1
        assert repr(small)
        assert small.data.validate()
        assert bool(torch.isfinite(small.data.x).all())
    assert refused > 9_000
    assert refused + sound == 10_000
    assert peak_memory() - before < 64 * 2**20


def peak_memory():
    """Most bytes this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def test_a_claim_of_much_memory_takes_none(good, opened):
    """A header may claim tensors of a terabyte; the file does not hold them."""
    (size,) = struct.unpack("<Q", good[:8])
    header = json.loads(good[8 : 8 + size])
    header["x"]["shape"] = [2**20, 2**18]
    text = json.dumps(header).encode()
    with pytest.raises(ValueError, match="damaged"):
        opened(struct.pack("<Q", len(text)) + text + good[8 + size :])
