"""Pictures, read back from what they are made of."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

import gcond
from gcond import plot
from gcond.condensed.provenance import History
from gcond.datasets import as_task
from gcond.evaluation import Comparison, Evaluation, Row
from gcond.evaluation.comparison import Subject
from gcond.graph.propagation import propagate_dense
from gcond.matching import Schedule
from gcond.plot import style
from gcond.testing import example_graph


@pytest.fixture(scope="module")
def real():
    return example_graph()


@pytest.fixture(scope="module")
def small(real):
    """A learned set: a complete graph, and a history."""
    quick = replace(gcond.get_method("gcond"), schedule=Schedule(50, 2, 2))
    return gcond.condense(real, num_nodes=12, method=quick)


@pytest.fixture(scope="module")
def bare(real):
    """A set without edges and without history."""
    return gcond.condense(real, num_nodes=12, method="centroid")


def lines_of(ax):
    found = [c for c in ax.collections if isinstance(c, LineCollection)]
    return found[0] if found else None


def dots_of(ax):
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def words_of(ax):
    return " ".join([ax.get_title(loc="left"), *(t.get_text() for t in ax.texts)])


def legend_of(owner):
    legends = [owner.get_legend()] if hasattr(owner, "get_legend") else owner.legends
    return [t.get_text() for t in legends[0].get_texts()]


def test_the_graph_shows_the_strongest_edges_and_says_how_many(small):
    ax = plot.graph(small, num_edges=9)
    drawn = lines_of(ax)
    assert len(drawn.get_segments()) == 9
    weights = np.sort(small.adjacency.numpy()[np.triu_indices(12, 1)])[::-1]
    assert "9 strongest of 66 edges" in words_of(ax)
    assert f"{weights[8]:.3g}" in words_of(ax)
    widths = np.array(drawn.get_linewidths())
    assert np.allclose((widths - 0.2)[::-1], 0.8 * weights[:9] / weights[0])
    assert len(lines_of(plot.graph(small)).get_segments()) == 24
    assert len(lines_of(plot.graph(small, num_edges=10**9)).get_segments()) == 66
    assert "\n" not in plot.graph(small, num_edges=66).texts[0].get_text()
    none = plot.graph(small, num_edges=0)
    assert lines_of(none) is None
    assert "0 strongest of 66" in words_of(none)


def test_edges_join_the_nodes_they_name_and_nodes_have_their_class_and_degree(small):
    ax = plot.graph(small)
    weights = small.adjacency.numpy()
    order = np.argsort(small.y.numpy(), kind="stable")
    places = np.concatenate([d.get_offsets() for d in dots_of(ax)])
    spot = {tuple(np.round(p, 9)): node for p, node in zip(places, order, strict=True)}
    heaviest = lines_of(ax).get_segments()[-1]
    i, j = (spot[tuple(np.round(p, 9))] for p in heaviest)
    assert weights[i, j] == weights.max()
    for c, dots in enumerate(dots_of(ax)):
        assert len(dots.get_offsets()) == int((small.y == c).sum())
        assert same_color(dots.get_facecolor()[0], style.colour(c))
    areas = np.concatenate([d.get_sizes() for d in dots_of(ax)])
    assert np.array_equal(np.argsort(areas), np.argsort(weights.sum(1)[order]))
    assert legend_of(ax) == ["0", "1", "2"]


def test_a_set_without_edges_is_drawn_by_its_features(bare):
    ax = plot.graph(bare)
    assert lines_of(ax) is None
    assert "no edges" in words_of(ax)
    assert sum(len(d.get_offsets()) for d in dots_of(ax)) == 12
    with pytest.raises(ValueError, match=r"no edges \(centroid\).*plot\.graph"):
        plot.adjacency(bare)


@pytest.mark.parametrize("count", [1, 2])
def test_the_smallest_sets_can_be_drawn(bare, count):
    tiny = replace(bare, x=bare.x[:count, :1], y=bare.y[:count])
    assert sum(len(d.get_offsets()) for d in dots_of(plot.graph(tiny))) == count
    edge = torch.tensor([[0, 1], [1, 0]])
    pair = replace(bare, x=bare.x[:2], y=bare.y[:2], edge_index=edge, edge_weight=torch.ones(2))
    assert "1 edges, weight 1" in words_of(plot.graph(pair))
    plot.adjacency(pair)


def test_the_adjacency_is_sorted_by_class(small):
    mixed = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    place = torch.empty(12, dtype=torch.long).index_copy_(0, mixed, torch.arange(12))
    shuffled = replace(
        small, x=small.x[mixed], y=small.y[mixed], edge_index=place[small.edge_index]
    )
    ax = plot.adjacency(shuffled, class_names=["first", "second", "third"])
    (image,) = (a for a in ax.get_children() if isinstance(a, AxesImage))
    order = np.argsort(shuffled.y.numpy(), kind="stable")
    assert np.array_equal(image.get_array(), shuffled.adjacency.numpy()[np.ix_(order, order)])
    counts = np.bincount(small.y)
    borders = {
        line.get_ydata()[0] for line in ax.lines if line.get_ydata()[0] == line.get_ydata()[1]
    }
    assert set(np.cumsum(counts)[:-1] - 0.5) <= borders
    assert [t.get_text() for t in ax.get_yticklabels()] == ["first", "second", "third"]
    assert ax.get_yticks()[0] == (counts[0] - 1) / 2
    assert image.norm.vmin == 0
    assert "66 edges of 66 pairs" in words_of(ax)


def test_the_history_marks_the_step_that_was_kept(small):
    kept = replace(small, history=replace(small.history, selected_step=40))
    above, below = plot.history(kept)
    for ax in (above, below):
        (mark,) = (line for line in ax.lines if line.get_gid() == "selected")
        assert list(mark.get_xdata()) == [40, 40]
    single, mean = above.lines[:2]
    assert np.array_equal(single.get_ydata(), small.history.losses)
    assert "thick: mean over 4 steps" in words_of(above)
    assert np.isclose(mean.get_ydata()[3], np.mean(small.history.losses[3:7]))
    assert np.isclose(mean.get_xdata()[3], 4.5)
    assert dict(zip(*below.lines[0].get_data(), strict=True)) == small.history.scores
    low, high = below.get_ylim()
    assert high - low >= 4
    assert "step 40 of 100 kept" in words_of(above)


def test_histories_that_are_not_there(small, bare):
    with pytest.raises(ValueError, match="no history: 'centroid' took no matching steps"):
        plot.history(bare)
    short = replace(small, history=History((2.0, 1.0), {}, 2))
    above, below = plot.history(short)
    assert "no step was scored" in words_of(below)
    assert list(above.lines[0].get_ydata()) == [2.0, 1.0]
    with pytest.raises(ValueError, match="on two axes, loss and accuracy; got 3"):
        plot.history(small, Figure().subplots(3))


def judged(method="gcond", num_nodes=10, accuracies=(70.0, 72.0), **changes):
    rows = (
        Row("condensed", accuracies, (), num_nodes, 1, 0.1),
        Row("random", (50.0, 54.0), (), num_nodes, 1, 0.1),
        Row("whole", (80.0, 82.0), (), 1000, 1, 0.1),
    )
    found = Evaluation("cora", method, "GCN", "gcn-600", 0, rows, "abcd")
    return replace(found, **changes)


def bars_of(ax):
    return {c.get_label(): c for c in ax.containers}


def test_accuracy_against_size_pools_the_seeds_of_a_method(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(judged("doscond", 20, (60.0, 60.0)).to_json())
    results = [
        judged(num_nodes=40, accuracies=(75.0, 77.0)),
        judged(),
        judged(accuracies=(74.0, 76.0)),
        path,
    ]
    ax = plot.ratio(results)
    bars = bars_of(ax)
    assert list(bars) == ["gcond", "doscond", "random"]
    data, _, (segments,) = bars["gcond"].lines
    assert list(data.get_xdata()) == [10, 40]
    assert list(data.get_ydata()) == [73, 76]
    low, high = segments.get_segments()[0][:, 1]
    assert np.isclose(high - low, 2 * np.std([70, 72, 74, 76]))
    assert list(bars["random"].lines[0].get_ydata()) == [52, 52, 52]
    assert bars["random"].lines[0].get_linestyle() == "--"
    (whole,) = (line for line in ax.lines if line.get_label().startswith("whole"))
    assert set(whole.get_ydata()) == {81}
    assert list(ax.get_xticks()) == [10, 20, 40]
    assert "gcn-600 (abcd)\nmean ± std of 2 to 4 models" in words_of(ax)
    assert "random" not in bars_of(plot.ratio(results, baselines=False))


def test_a_baseline_that_stands_in_many_results_counts_once():
    other = judged("doscond")
    rows = (other.rows[0], replace(other.rows[1], accuracies=(60.0, 60.0)), other.rows[2])
    ax = plot.ratio([judged(), judged(accuracies=(1.0, 2.0)), replace(other, rows=rows)])
    assert list(bars_of(ax)["random"].lines[0].get_ydata()) == [56]


def test_a_baseline_that_was_judged_itself_is_one_line():
    ax = plot.ratio([judged("random", 10, (50.0, 54.0)), judged()])
    assert list(bars_of(ax)) == ["random", "gcond"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "citeseer"}, r"several datasets \(cora, citeseer\)"),
        ({"model": "SGC"}, r"several architectures \(GCN, SGC\)"),
        ({"protocol": "mine"}, r"several protocols \(gcn-600 \(abcd\), mine \(abcd\)\)"),
        ({"protocol_digest": "ef"}, r"several protocols \(gcn-600 \(abcd\), gcn-600 \(ef\)\)"),
    ],
)
def test_results_that_do_not_compare_share_no_picture(changes, message):
    with pytest.raises(ValueError, match=message):
        plot.ratio([judged(), judged(**changes)])


def test_graphs_of_one_name_are_told_apart_by_their_size():
    other = judged(rows=(*judged().rows[:2], replace(judged().rows[2], num_nodes=500)))
    with pytest.raises(ValueError, match="cora with 1,000 nodes, cora with 500 nodes"):
        plot.ratio([judged(), other])


def test_files_that_are_no_evaluations_are_refused(tmp_path):
    path = tmp_path / "found.json"
    plain = json.loads(judged().to_json())
    broken = [{**plain["rows"][0], "accuracies": a} for a in ([], ["x"], [True], None, [[1]])]
    cases = [[], 3, {}, {"rows": []}, {**plain, "rows": []}, {**plain, "more": 1}]
    for case in [*cases, *({**plain, "rows": [row]} for row in broken)]:
        path.write_text(json.dumps(case))
        with pytest.raises(ValueError, match=r"found\.json"):
            plot.ratio([path])
    path.write_text("not json")
    with pytest.raises(ValueError, match="no evaluation as"):
        plot.ratio([path])
    with pytest.raises(FileNotFoundError, match="no file"):
        plot.ratio([tmp_path / "none.json"])
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.ratio([])
    with pytest.raises(ValueError, match="into a list"):
        plot.ratio(judged())


def test_a_comparison_has_its_numbers_in_the_cells():
    rows = tuple(
        tuple(Row("condensed", (m, m + 2), (), 10 * i, 1, 0.1) for m in means)
        for i, means in enumerate([(10.0, 20.0, 30.0), (40.0, 50.0, 98.0)], 1)
    )
    sets = Subject("cora", "a", 10, 0.1, 1), Subject("cora", "b", 20, 0.2, 1)
    ax = plot.matrix(Comparison("gcn-600 (ab)", ("GCN", "SGC", "MLP"), sets, rows))
    (image,) = (a for a in ax.get_children() if isinstance(a, AxesImage))
    assert np.array_equal(image.get_array(), [[11, 21, 31], [41, 51, 99]])
    cells = {t.get_position(): t for t in ax.texts}
    assert cells[2, 1].get_text() == "99.0\n±1.0"
    assert cells[0, 0].get_color() != cells[2, 1].get_color() == "white"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cora, a (10)", "cora, b (20)"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["GCN", "SGC", "MLP"]
    assert "gcn-600 (ab)" in words_of(ax)


def test_features_are_projected_on_the_components_of_the_real_ones(small, real):
    ax = plot.features(small, real)
    grey, coloured, made = dots_of(ax)
    train = int(real.train_mask.sum())
    sizes = [len(d.get_offsets()) for d in (grey, coloured, made)]
    assert sizes == [real.num_nodes - train, train, 12]
    task = as_task(real)
    z = task.graph("train")[0]
    z = z @ (z @ task.x)
    centre = z.mean(0)
    _, _, axes = np.linalg.svd(z - centre, full_matrices=False)
    flat = (propagate_dense(small.adjacency, small.x, 2).numpy() - centre) @ axes[:2].T
    found = np.abs(np.asarray(made.get_offsets()))
    assert np.allclose(np.sort(found, 0), np.sort(np.abs(flat), 0), atol=1e-3)
    assert legend_of(ax)[3:] == ["synthetic", "real, training", "real, others"]


def test_labels_of_test_nodes_are_shown_only_when_asked_for(bare, real):
    grey, coloured, _ = dots_of(plot.features(bare, real, labels="all"))
    assert len(grey.get_offsets()) == 0
    assert len(coloured.get_offsets()) == real.num_nodes
    inductive = gcond.condense(real, num_nodes=9, method="centroid", setting="inductive")
    grey, coloured, _ = dots_of(plot.features(inductive, real))
    assert (len(grey.get_offsets()), len(coloured.get_offsets())) == (0, int(real.train_mask.sum()))


def test_large_graphs_are_sampled_labelled_nodes_first(bare, real):
    ax = plot.features(bare, real, max_nodes=90)
    grey, coloured, _ = dots_of(ax)
    assert (len(grey.get_offsets()), len(coloured.get_offsets())) == (30, 60)
    assert "90 of 240 real nodes" in words_of(ax)


def test_tsne_is_a_function_of_its_seed(bare, real):
    one, other, third = (
        plot.features(bare, real, method="tsne", max_nodes=60, seed=s) for s in (0, 0, 1)
    )
    places = [np.asarray(dots_of(ax)[-1].get_offsets()) for ax in (one, other, third)]
    assert np.array_equal(places[0], places[1])
    assert not np.array_equal(places[0], places[2])


def test_bad_arguments_are_refused(small, real):
    with pytest.raises(ValueError, match="condensed from other data"):
        plot.features(small, example_graph(seed=1))
    with pytest.raises(ValueError, match="condensed from other data"):
        plot.figure(small, example_graph(seed=1))
    with pytest.raises(ValueError, match="unknown method 'umap'; choose 'pca' or 'tsne'"):
        plot.features(small, real, method="umap")
    with pytest.raises(ValueError, match="unknown labels 'test'"):
        plot.features(small, real, labels="test")
    with pytest.raises(ValueError, match="max_nodes must be at least 10, got 3"):
        plot.features(small, real, max_nodes=3)
    with pytest.raises(ValueError, match="num_edges must not be negative, got -1"):
        plot.graph(small, num_edges=-1)
    for draw in (plot.graph, plot.adjacency, plot.figure):
        with pytest.raises(ValueError, match="2 names, graph has 3 classes"):
            draw(small, class_names=["a", "b"])


def test_class_names_are_shown_as_they_are(small, tmp_path):
    ax = plot.graph(small, class_names=["_hidden", "$x_{", "100 %"])
    plot.save(ax, tmp_path / "names.svg")
    assert [text.strip() for text in legend_of(ax)] == ["_hidden", r"\$x_{", "100 %"]


def test_the_overview_has_the_panels_that_apply(small, bare, real):
    titles = {
        "condensed graph": (small, None),
        "adjacency": (small, None),
        "run": (small, None),
        "real and synthetic features": (small, real),
    }
    for count, (condensed, data) in ((4, (small, real)), (3, (small, None)), (1, (bare, real))):
        found = plot.figure(condensed, data)
        shown = [ax.get_title(loc="left") for ax in found.axes if ax.get_title(loc="left")]
        assert len(shown) == count
        assert set(shown) <= titles.keys()
        assert "240 → 12 nodes" in found.get_suptitle()
    assert legend_of(plot.figure(bare)) == ["0", "1", "2"]
    assert len(legend_of(plot.figure(bare, real))) == 6


def test_axes_that_are_given_are_drawn_on(small, real):
    axes = Figure().subplots(2, 3).ravel()
    assert plot.graph(small, axes[0]) is axes[0]
    assert plot.adjacency(small, axes[1]) is axes[1]
    assert plot.history(small, axes[2:4])[1] is axes[3]
    assert plot.features(small, real, axes[4]) is axes[4]
    assert plot.ratio([judged()], axes[5]) is axes[5]


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "PNG"])
def test_the_same_picture_gives_the_same_bytes(small, tmp_path, suffix):
    paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in paths:
        plot.save(plot.graph(small), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    head = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix.lower()]
    assert paths[0].read_bytes().startswith(head)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_paths_are_checked_before_anything_is_drawn(small, tmp_path):
    ax = plot.graph(small)
    with pytest.raises(ValueError, match=r"suffix '.jpeg'; pictures are written as .png, .pdf or"):
        plot.save(ax, tmp_path / "a.jpeg")
    with pytest.raises(ValueError, match="has no suffix"):
        plot.check(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="does not exist; create it first"):
        plot.check(tmp_path / "none" / "a.png")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        plot.check(tmp_path)
    with pytest.raises(ValueError, match="dpi must be positive, got 0"):
        plot.save(ax, tmp_path / "a.png", dpi=0)
    assert plot.check(str(tmp_path / "a.pdf")) == tmp_path / "a.pdf"
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_written_leaves_the_old_one(small, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plot.save(plot.graph(small), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_callers_session_is_untouched(small, real, tmp_path):
    before = torch.get_rng_state(), str(np.random.get_state()), dict(mpl.rcParams)  # noqa: NPY002
    plot.save(plot.figure(small, real), tmp_path / "a.svg")
    plot.features(small, real, method="tsne", max_nodes=40)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert dict(mpl.rcParams) == before[2]


def test_pyplot_is_never_imported():
    code = (
        "import sys, gcond; from gcond import plot; assert 'matplotlib' not in sys.modules;"
        "s = gcond.condense('digits', num_nodes=20, method='random');"
        "plot.figure(s, 'digits'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_names_the_extra(small, real, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    for draw in (
        lambda: plot.graph(small),
        lambda: plot.adjacency(small),
        lambda: plot.history(small),
        lambda: plot.features(small, real),
        lambda: plot.figure(small),
        lambda: plot.ratio([judged()]),
        lambda: plot.check(tmp_path / "a.png"),
    ):
        with pytest.raises(ImportError, match=r'pip install "gcond\[plot\]"'):
            draw()


def test_seventy_classes_all_look_different():
    looks = {(style.colour(c), style.marker(c)) for c in range(70)}
    assert len(looks) == 70
    assert style.legend_columns(70) * 16 >= 70


# Linear RGB as seen without one kind of cone (Machado, Oliveira, Fernandes 2009, severity 1).
SIGHT = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour, sight):
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(sight) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_told_apart_by_everyone(sight):
    seen = [lab(colour, SIGHT[sight]) for colour in style.COLOURS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 15  # a difference of 2 is just seen; the default colours of matplotlib: 4.6
