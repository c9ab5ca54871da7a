"""The judge: rows, protocols, and models of every kind."""

import json
from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCNConv

import gcond
from gcond.evaluation import Protocol, get_protocol
from gcond.graph.training import Training

QUICK = Protocol("quick", Training(hidden_channels=32, epochs=60))


@pytest.fixture(scope="module")
def small():
    from gcond.testing import example_graph

    return gcond.condense(example_graph(), num_nodes=12, method="centroid")


def test_the_table_has_the_four_rows(small, example):
    found = gcond.evaluate(small, example, protocol=QUICK, seeds=3)
    assert [row.name for row in found.rows] == ["condensed", "random", "centroid", "whole"]
    assert found.mean == pytest.approx(sum(found.rows[0].accuracies) / 3)
    assert found.rows[0].accuracies == found.rows[2].accuracies
    assert found.mean > 60
    table = found.table()
    assert "quick" in table
    assert f"{found.mean:.1f} ± {found.std:.1f}" in table
    assert json.loads(found.to_json())["rows"][3]["num_nodes"] == 240


def test_a_seed_does_not_depend_on_how_many_are_trained_beside_it(small, example):
    one = gcond.evaluate(small, example, protocol=QUICK, seeds=1, baselines=())
    five = gcond.evaluate(small, example, protocol=QUICK, seeds=5, baselines=())
    assert one.rows[0].accuracies[0] == five.rows[0].accuracies[0]


def test_the_protocol_is_the_one_that_is_named():
    training = get_protocol("gcn-600").training
    assert (training.hidden_channels, training.epochs, training.lr) == (256, 600, 0.01)
    assert (training.weight_decay, training.dropout) == (5e-4, 0.5)
    with pytest.raises(ValueError, match="gcn-600"):
        get_protocol("gcn-60")


def test_other_data_is_refused(small, example):
    example.x = example.x + 1
    with pytest.raises(ValueError, match="other data"):
        gcond.evaluate(small, example)


@pytest.mark.parametrize("name", ["GCN", "GraphSAGE", "GAT", "GIN", "MLP"])
def test_pygs_architectures_by_name(small, example, name):
    module = gcond.fit(small, name, example, protocol=QUICK)
    data = small.prepare(example)
    with torch.no_grad():
        out = module(data.x, data.edge_index) if name != "MLP" else module(data.x)
    assert out.shape == (240, 3)
    hit = (out.argmax(1) == data.y)[data.test_mask].float().mean()
    assert hit > 0.45


class Net(torch.nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first, self.last = GCNConv(in_channels, 16), GCNConv(16, out_channels)

    def forward(self, x, edge_index, edge_weight=None):
        hidden = self.first(x, edge_index, edge_weight).relu()
        return self.last(hidden, edge_index, edge_weight)


def test_users_models_are_fitted_and_evaluated(small, example):
    found = gcond.evaluate(small, example, model=Net, protocol=QUICK, seeds=2)
    assert [row.name for row in found.rows] == ["condensed", "random", "centroid", "whole"]
    assert found.mean > 50
    module = Net(16, 3)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    fitted = gcond.fit(small, module, protocol=QUICK)
    assert all(torch.equal(module.state_dict()[k], v) for k, v in before.items())
    assert any(not torch.equal(fitted.state_dict()[k], v) for k, v in before.items())
    assert not fitted.training


def test_fit_is_deterministic_and_leaves_the_random_state(small):
    state = torch.get_rng_state()
    one, two = (gcond.fit(small, protocol=QUICK, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_batched_and_plain_models_agree_in_accuracy(small, example):
    batched = gcond.evaluate(small, example, protocol=QUICK, seeds=4, baselines=())
    from torch_geometric.nn import GCN

    plain = gcond.evaluate(
        small,
        example,
        model=lambda i, o: GCN(i, 32, 2, o, dropout=0.5),
        protocol=QUICK,
        seeds=4,
        baselines=(),
    )
    assert abs(batched.mean - plain.mean) < 6


def test_unknown_names_are_refused(small, example):
    with pytest.raises(ValueError, match="unknown model 'GNC'"):
        gcond.fit(small, "GNC")
    with pytest.raises(ValueError, match="unknown method 'randum'"):
        gcond.evaluate(small, example, baselines=("randum",))
    with pytest.raises(ValueError, match="give the graph as dataset="):
        gcond.evaluate(small)
    with pytest.raises(ValueError, match="seeds"):
        gcond.evaluate(small, example, seeds=0)
    assert replace(QUICK, name="other").name == "other"
