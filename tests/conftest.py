import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from gcond.datasets import as_task
from gcond.testing import example_graph

torch.set_num_threads(1)

# The same examples in every run: a failure is a change of the code, never of the draw.
settings.register_profile("gcond", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("gcond")


def pytest_addoption(parser):
    parser.addoption("--regen", action="store_true", help="rewrite the golden files")


@pytest.fixture
def regen(request):
    return request.config.getoption("--regen")


@pytest.fixture
def example():
    """A generated PyG graph with three classes and a split."""
    return example_graph()


@pytest.fixture
def task():
    """A small generated node task."""
    return as_task(example_graph(num_nodes=60))


@pytest.fixture(scope="session")
def real_data():
    """The folder with the real data sets."""
    if not os.environ.get("GCOND_TEST_DATA"):
        pytest.skip("set GCOND_TEST_DATA to the folder with the real data")
    return Path(os.environ["GCOND_TEST_DATA"])
