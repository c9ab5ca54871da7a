"""What is refused before any work, and the words it is refused with."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data, HeteroData

import gcond
from gcond import NodeData
from gcond.cli import main
from gcond.datasets import as_task, load_dataset
from gcond.graph.adjacency import FreeLogits
from gcond.graph.method import GraphMethod
from gcond.matching import Schedule, Step, Turns
from gcond.testing import example_graph

N = 240


def pyg(**changes):
    """The example graph with some fields changed, by a value or a function of the graph."""
    data = example_graph()
    for key, value in changes.items():
        data[key] = value(data) if callable(value) else value
    return data


def without(name):
    data = example_graph()
    del data[name]
    return data


def arrays(**changes):
    """The same for arrays."""
    data = example_graph()
    given = {
        "x": data.x.numpy(),
        "adj": sp.csr_array((np.ones(data.num_edges), data.edge_index.numpy()), shape=(N, N)),
        "y": data.y.numpy(),
        "train": data.train_mask.numpy(),
        "val": data.val_mask.numpy(),
        "test": data.test_mask.numpy(),
    }
    for key, value in changes.items():
        given[key] = value(given) if callable(value) else value
    x, adj, y = (given.pop(key) for key in ("x", "adj", "y"))
    return NodeData.from_arrays(x, adj, y, **given)


def networkx(change):
    graph = nx.Graph([(0, 1), (1, 2), (2, 3)])
    for i in graph:
        graph.nodes[i].update(x=[float(i), 1.0], y=i % 2, train_mask=i < 2, test_mask=i > 1)
    change(graph)
    return graph


def first(tensor, value):
    changed = tensor.clone()
    changed[(0,) * tensor.dim()] = value
    return changed


GRAPHS = {
    "no x": (lambda: without("x"), "no x"),
    "no y": (lambda: without("y"), "no y"),
    "no edges": (lambda: without("edge_index"), "no edge_index; an empty one is"),
    "flat x": (lambda: pyg(x=lambda d: d.x[:, 0]), r"x must have shape .* got \[240\]"),
    "x without columns": (lambda: pyg(x=torch.ones(N, 0)), r"got \[240, 0\]"),
    "x in three dimensions": (lambda: pyg(x=torch.ones(N, 2, 2)), r"got \[240, 2, 2\]"),
    "x with NaN": (lambda: pyg(x=lambda d: d.x.log()), "entries that are NaN or infinite"),
    "x infinite": (lambda: pyg(x=lambda d: first(d.x, torch.inf)), "x has 1 entries that are NaN"),
    "x too large for single precision": (
        lambda: pyg(x=lambda d: first(d.x.double(), 1e300)),
        "x has 1 entries that are NaN",
    ),
    "x complex": (lambda: pyg(x=torch.ones(N, 2, dtype=torch.complex64)), "real numbers"),
    "x sparse with NaN": (
        lambda: pyg(x=lambda d: first(d.x, torch.nan).to_sparse()),
        "x has 1 entries that are NaN",
    ),
    "edge shape": (lambda: pyg(edge_index=lambda d: d.edge_index.T), r"\[2, E\]"),
    "flat edges": (lambda: pyg(edge_index=lambda d: d.edge_index[0]), r"\[2, E\]"),
    "edge dtype": (lambda: pyg(edge_index=lambda d: d.edge_index.float()), r"use \.long\(\)"),
    "boolean edges": (lambda: pyg(edge_index=lambda d: d.edge_index > 0), r"use \.long\(\)"),
    "edges beyond the graph": (lambda: pyg(edge_index=lambda d: d.edge_index + 200), "0 to 239"),
    "negative edges": (lambda: pyg(edge_index=lambda d: d.edge_index - 1), "names nodes -1 to"),
    "too few weights": (lambda: pyg(edge_weight=torch.ones(3)), "has 3 entries for"),
    "negative weights": (
        lambda: pyg(edge_weight=lambda d: -torch.ones(d.num_edges)),
        "finite and not negative",
    ),
    "infinite weights": (
        lambda: pyg(edge_weight=lambda d: first(torch.ones(d.num_edges), torch.inf)),
        "finite and not negative",
    ),
    "complex weights": (
        lambda: pyg(edge_weight=lambda d: torch.ones(d.num_edges, dtype=torch.complex64)),
        "edge_weight must hold real numbers",
    ),
    "too few labels": (lambda: pyg(y=lambda d: d.y[:5]), "one label for each of the 240"),
    "several labels": (lambda: pyg(y=torch.ones(N, 3)), "several labels per node"),
    "fractional labels": (lambda: pyg(y=lambda d: d.y + 0.5), "regression is refused"),
    "no label in a mask": (lambda: pyg(y=lambda d: d.y - 1), "no label"),
    "NaN label in a mask": (lambda: pyg(y=lambda d: first(d.y.float(), torch.nan)), "no label"),
    "one class": (lambda: pyg(y=lambda d: d.y * 0), "one class only"),
    "class absent from training": (
        lambda: pyg(train_mask=lambda d: d.train_mask & (d.y != 1)),
        r"classes \[1\] have no training node",
    ),
    "adj of another size": (lambda: arrays(adj=sp.eye_array(5)), r"adj must have shape \[240, 240"),
    "adj not square": (lambda: arrays(adj=np.ones((N, 3))), r"got \[240, 3\]"),
    "adj negative": (lambda: arrays(adj=lambda a: -a["adj"]), "finite and not negative"),
    "adj NaN": (lambda: arrays(adj=lambda a: a["adj"] * np.nan), "finite and not negative"),
    "adj of texts": (lambda: arrays(adj=np.full((N, N), "a")), "adj must hold real numbers"),
    "adj missing": (lambda: arrays(adj=None), "no adj"),
    "x missing": (lambda: arrays(x=None), "no x"),
    "y missing": (lambda: arrays(y=None), "no y"),
    "x of texts": (lambda: arrays(x=np.full((N, 2), "a")), "x must hold real numbers"),
    "x of objects": (lambda: arrays(x=np.full((N, 2), None)), "x must hold real numbers"),
    "ragged x": (lambda: arrays(x=[[1.0], [1.0, 2.0]]), "x is not an array"),
    "x and y differ": (lambda: arrays(x=np.ones((5, 2)), adj=np.ones((5, 5))), "the 5 nodes"),
    "y of texts": (lambda: arrays(y=np.full(N, "a")), "number strings with np.unique"),
    "node without features": (
        lambda: as_task(networkx(lambda g: g.nodes[2].pop("x"))),
        "node 2 has no attribute 'x'",
    ),
    "node without a label": (
        lambda: as_task(networkx(lambda g: g.nodes[3].pop("y"))),
        "node 3 has no attribute 'y'",
    ),
    "features of different length": (
        lambda: as_task(networkx(lambda g: g.nodes[1].update(x=[1.0]))),
        "node 1 has 1 features, others have 2",
    ),
    "networkx without a split": (
        lambda: as_task(networkx(lambda g: [g.nodes[i].pop("train_mask") for i in g])),
        "no train_mask",
    ),
    "empty networkx": (lambda: as_task(nx.Graph()), "has no nodes"),
    "empty list": (lambda: as_task([]), "cannot condense a list"),
    "a dictionary": (lambda: as_task({}), "cannot condense a dict"),
    "a tensor": (lambda: as_task(torch.ones(3)), "cannot condense a Tensor"),
    "a heterogeneous graph": (lambda: as_task(HeteroData()), "cannot condense a HeteroData"),
    "nothing": (lambda: as_task(None), "cannot condense a NoneType"),
    "two graphs": (lambda: as_task([example_graph(), example_graph()]), "2 graphs"),
    "empty Data": (lambda: Data(), "no x"),
    "unknown name": (lambda: load_dataset("coora"), "did you mean 'cora'"),
    "foreign name": (lambda: load_dataset("???"), "known: digits"),
}

MASKS = {
    "no train mask": (lambda: without("train_mask"), "RandomNodeSplit"),
    "no test mask": (lambda: without("test_mask"), "no test_mask"),
    "short mask": (lambda: pyg(train_mask=torch.ones(5, dtype=torch.bool)), r"shape \[5\]"),
    "mask of zeros and ones": (
        lambda: pyg(train_mask=lambda d: d.train_mask.long()),
        r"must be boolean, use \.bool\(\)",
    ),
    "mask of floats": (lambda: pyg(val_mask=lambda d: d.val_mask.float()), "val_mask must be"),
    "overlap": (lambda: pyg(val_mask=lambda d: d.train_mask), "must not overlap"),
    "test in train": (lambda: pyg(test_mask=lambda d: d.train_mask), "train and test nodes"),
    "empty train": (lambda: pyg(train_mask=lambda d: d.train_mask & False), "marks no node"),
    "empty test": (lambda: pyg(test_mask=lambda d: d.test_mask & False), "test_mask marks no"),
    "node numbers beyond": (lambda: arrays(train=[0, 999]), "train_mask names nodes 0 to 999"),
    "negative node numbers": (lambda: arrays(test=[-1, 2]), "test_mask names nodes -1"),
    "numbers twice": (lambda: arrays(train=[3, 3]), "names nodes twice"),
    "split without columns": (
        lambda: as_task(example_graph(), split=1),
        "split=1, but the masks have one column",
    ),
    "split beyond the columns": (
        lambda: as_task(pyg(train_mask=lambda d: d.train_mask[:, None]), split=2),
        "split=2, but the masks have 1 columns",
    ),
    "split negative": (
        lambda: as_task(pyg(train_mask=lambda d: d.train_mask[:, None]), split=-1),
        "split=-1",
    ),
    "split a text": (lambda: as_task(example_graph(), split="1"), "split must be a whole number"),
}


def condense(**options):
    return lambda: gcond.condense(example_graph(), **{"method": "random", **options})


def images(**options):
    x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 2
    return lambda: gcond.condense((x, y), **{"per_class": 1, "method": "random", **options})


SIZES_AND_FLAGS = {
    "two sizes": (condense(ratio=0.1, num_nodes=6), "one size, got num_nodes=6 and ratio=0.1"),
    "three sizes": (condense(ratio=0.1, num_nodes=6, per_class=2), "give one size"),
    "ratio zero": (condense(ratio=0.0), "above 0 and at most 1, got 0.0"),
    "ratio above one": (condense(ratio=1.5), "got 1.5"),
    "ratio NaN": (condense(ratio=float("nan")), "got nan"),
    "ratio a text": (condense(ratio="0.1"), "got '0.1'"),
    "ratio a truth value": (condense(ratio=True), "got True"),
    "fewer nodes than classes": (condense(num_nodes=2), "fewer than the 3 classes"),
    "no nodes": (condense(num_nodes=0), "fewer than the 3 classes"),
    "half a node": (condense(num_nodes=6.5), "whole number, got 6.5"),
    "none per class": (condense(per_class=0), "at least 1, got 0"),
    "per class a text": (condense(per_class="2"), "whole number, got '2'"),
    "a number of graphs": (condense(num_graphs=3), "use num_nodes="),
    "unknown method": (condense(method="gcondx"), "did you mean 'gcond"),
    "method for something else": (
        condense(method="dsa"),
        "'dsa' condenses images, not nodes of a graph; methods for these: gcond, ",
    ),
    "method for two other things": (
        images(method="gcond-x"),
        "'gcond-x' condenses nodes of a graph and sets of graphs, not images",
    ),
    "method value for something else": (
        images(method=gcond.get_method("bags")),
        r"'bags' given is not one for images; gcond.get_method\('dsa', 'images'\) is",
    ),
    "setting of images": (images(setting="inductive"), "is a set of images; leave it out"),
    "method a number": (condense(method=3), "method must be a name or a method value"),
    "method a class": (condense(method=GraphMethod), "method must be a name or a method value"),
    "unknown setting": (condense(setting="sideways"), "'sideways'"),
    "unknown normalisation": (condense(normalize="l2"), "unknown normalisation 'l2'"),
    "seed a text": (condense(seed="0"), "seed must be a whole number"),
    "seed a fraction": (condense(seed=0.5), "got 0.5"),
    "seed too large": (condense(seed=2**70), "at most 64 bits"),
    "resume without a file": (condense(resume=True), "resume=True needs checkpoint="),
    "checkpoint nowhere": (condense(checkpoint="no/where/x"), "folder no/where of checkpoint="),
    "checkpoint a folder": (condense(checkpoint="/tmp"), "is a folder"),
    "negative epochs": (lambda: Schedule(-1), "epochs must be at least 0, got -1"),
    "no outer step": (lambda: Schedule(1, outer_steps=0), "outer_steps must be at least 1"),
    "no turns": (lambda: Turns(0, 0), "turns need"),
    "step zero": (lambda: Step(0.0), "lr must be positive"),
    "degree zero": (
        lambda: FreeLogits(degree=0.0).start(torch.ones(3, 2), torch.Generator()),
        "degree must be positive",
    ),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_graphs(case):
    refused(*GRAPHS[case])


@pytest.mark.parametrize("case", MASKS)
def test_masks(case):
    refused(*MASKS[case])


@pytest.mark.parametrize("case", SIZES_AND_FLAGS)
def test_sizes_and_flags(case):
    refused(*SIZES_AND_FLAGS[case])


OTHER_DATA = {
    "a set of graphs": ("digits-graphs", "one graph .*, and 'digits-graphs' is not one; evaluate"),
    "a set of images": ((torch.rand(40, 1, 8, 8), torch.arange(40) % 2), "the tuple given is not"),
    "other features": (pyg(x=torch.rand(N, 3)), "3 features, this preprocessing was fitted on"),
    "other edges": (pyg(edge_index=torch.zeros(2, 0).long()), "condensed from other data"),
}


JUDGES = {
    "evaluate": gcond.evaluate,
    "compare": lambda small, data: gcond.compare([small], data),
    "fit": lambda small, data: gcond.fit(small, "GCN", data),
    "search": gcond.search,
}


@pytest.mark.parametrize("case", OTHER_DATA)
@pytest.mark.parametrize("judge", JUDGES)
def test_data_that_a_set_was_not_condensed_from(judge, case):
    data, message = OTHER_DATA[case]
    small = condense(num_nodes=6, normalize="standard")()
    with pytest.raises(ValueError, match=message):
        JUDGES[judge](small, data)


def test_one_graph_where_a_set_of_images_was_condensed():
    small = images()()
    with pytest.raises(ValueError, match=r"a set of images .*, and the Data given is not one"):
        gcond.evaluate(small, example_graph())


def refused(make, message):
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        as_task(make())


COMMANDS = {
    "unknown dataset": (["condense", "digit"], "did you mean 'digits'"),
    "unknown method": (["condense", "digits", "--method", "gcondx"], "did you mean 'gcond"),
    "two sizes": (["condense", "digits", "--ratio", "0.1", "--num-nodes", "20"], "one size"),
    "ratio zero": (["condense", "digits", "--ratio", "0"], "ratio must be"),
    "too few nodes": (["condense", "digits", "--num-nodes", "3"], "fewer than the 10 classes"),
    "out nowhere": (
        ["condense", "digits", "--out", "no/where.safetensors"],
        "--out does not exist",
    ),
    "out a folder": (["condense", "digits", "--out", "/tmp"], "is a folder"),
    "resume without out": (["condense", "digits", "--resume"], "--resume needs --out"),
    "split": (["condense", "digits", "--split", "4"], "split=4"),
    "no models": (["condense", "digits", "--evaluate", "--seeds", "0"], "at least 1, got 0"),
    "misspelt command": (["condens", "digits"], "did you mean 'condense'?"),
    "misspelt setting": (["condense", "digits", "--shedule.epochs", "3"], "mean 'schedule'"),
    "unknown choice": (["condense", "digits", "--adjacency", "lowrank"], "mean 'low-rank'"),
    "setting of another choice": (
        ["condense", "digits", "--adjacency.rank", "3"],
        "pairwise-mlp has no 'rank'; it has hidden-channels, degree",
    ),
    "setting without a value": (["condense", "digits", "--adjacency"], "needs a value"),
    "setting out of range": (["condense", "digits", "--batch-size", "0"], "at least 1, got 0"),
    "setting of another type": (
        ["condense", "digits", "--schedule.epochs", "few"],
        "--schedule.epochs must be int, got 'few'",
    ),
    "setting of a selector": (
        ["condense", "digits", "--method", "random", "--turns.features", "3"],
        "selection has no 'turns'",
    ),
    "settings as a list": (["condense", "digits", "--set", "rank"], "PATH=VALUE, got 'rank'"),
    "settings of an unknown method": (["methods", "gcon"], "did you mean 'gcond'"),
    "no recipe of that size": (
        ["condense", "cora", "--recipe", "paper", "--num-nodes", "71"],
        "no recipe of 'gcond' for 'cora' of size 71; there are: cora 35",
    ),
    "recipe of another dataset": (
        ["condense", "digits", "--recipe", "gcond/cora-70"],
        "is for cora, not for digits",
    ),
    "unknown recipe": (["condense", "cora", "--recipe", "gcond/cora-7"], "mean 'gcond/cora-70'"),
    "no file": (["evaluate", "nothing.safetensors"], "no file nothing.safetensors"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_commands_end_with_one_line_and_exit_code_two(case, capsys):
    arguments, message = COMMANDS[case]
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert len(shown.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["condense"], ["condense", "digits", "--ratio", "much"], ["show", "--fiel"]]
)
def test_commands_that_cannot_be_read_exit_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err
