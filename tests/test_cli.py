"""The command line, in processes of its own where that matters."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import raw_files

import gcond
from gcond.cli import main
from gcond.graph.adjacency import LowRank
from gcond.matching import Schedule


def test_help_imports_no_torch():
    code = "import sys, gcond.cli\ntry:\n gcond.cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules, 'torch was imported'"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "condense" in found.stdout


def test_condense_writes_and_evaluate_reads(tmp_path, capsys):
    path = tmp_path / "digits.safetensors"
    sized = ["--num-nodes", "20", "--method", "centroid", "--out", str(path)]
    assert main(["condense", "digits", *sized]) == 0
    assert "1797 -> 20 nodes" in capsys.readouterr().out
    assert main(["evaluate", str(path), "--seeds", "1", "--json"]) == 0
    assert '"protocol": "gcn-600"' in capsys.readouterr().out


def test_lists(capsys):
    assert main(["methods"]) == 0
    assert "doscond-x" in capsys.readouterr().out
    assert main(["datasets"]) == 0
    assert "pubmed" in capsys.readouterr().out
    assert main(["methods", "gcond"]) == 0
    shown = capsys.readouterr().out
    assert "--adjacency pairwise-mlp" in shown
    assert "free-logits | identity | low-rank | pairwise-mlp" in shown
    for command in (["methods", "--json"], ["datasets", "--json"], ["methods", "gcond", "--json"]):
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)


def test_settings_of_a_method_are_flags_in_any_order(tmp_path, capsys):
    path = str(tmp_path / "digits.safetensors")
    sized = ["--num-nodes", "20", "--out", path, "--json"]
    given = ["--adjacency.rank", "3", "--schedule.epochs=2", "--adjacency", "low-rank"]
    assert main(["condense", *given, "digits", *sized]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["file"] == path
    method = gcond.Condensed.load(path).method
    assert method.adjacency == LowRank(rank=3)
    assert method.schedule.epochs == 2
    assert main(["show", path, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["method settings"]["adjacency"]["rank"] == 3


def test_search_prints_ranks_and_their_correlation(tmp_path, capsys):
    path = tmp_path / "digits.safetensors"
    gcond.condense("digits", num_nodes=20, method="centroid").save(path)
    few = ["search", str(path), "--num", "4", "--epochs", "10"]
    assert main([*few, "--top", "2"]) == 0
    assert "Spearman correlation" in capsys.readouterr().out
    assert main([*few, "--no-whole", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spearman"] is None


def test_a_recipe_brings_the_papers_settings_and_flags_change_them(tmp_path, real_data):
    path = str(tmp_path / "cora.safetensors")
    paper = ["condense", "cora", "--num-nodes", "70", "--recipe", "paper"]
    few = ["--schedule.epochs", "1", "--schedule.outer-steps", "2"]
    assert main([*paper, *few, "--root", str(real_data), "--out", path]) == 0
    method = gcond.Condensed.load(path).method
    assert method.features.lr == 1e-4
    assert method.schedule == Schedule(1, 2, 15)


def test_output_that_nobody_reads_to_the_end_is_no_error():
    code = "import sys, gcond.cli\nsys.exit(gcond.cli.main(['methods', 'gcond']))\n"
    command = f'{sys.executable} -c "$CODE" | true; echo ${{PIPESTATUS[0]}}'
    found = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CODE": code},
    )
    assert found.stdout.strip() == "0"
    assert "Broken pipe" not in found.stderr


def test_sets_of_one_method_with_other_settings_go_by_their_files(tmp_path, capsys):
    paths = [tmp_path / "one.safetensors", tmp_path / "other.safetensors"]
    method = replace(gcond.get_method("gcond-x"), schedule=Schedule(1))
    gcond.condense("digits", num_nodes=20, method=method).save(paths[0])
    other = replace(method, schedule=Schedule(2))
    gcond.condense("digits", num_nodes=20, method=other).save(paths[1])
    same = tmp_path / "same.safetensors"
    gcond.condense("digits", num_nodes=20, method=method, seed=1).save(same)
    judged = ["--models", "SGC", "--seeds", "1"]
    assert main(["compare", *map(str, paths), *judged]) == 0
    shown = capsys.readouterr().out
    assert "digits, one" in shown
    assert "digits, other" in shown
    assert main(["compare", str(paths[0]), str(same), *judged]) == 0
    assert capsys.readouterr().out.count("digits, gcond-x") == 2


def test_datasets_are_generated_and_packed(tmp_path, capsys):
    root = str(tmp_path)
    assert main(["datasets", "generate", "arxiv-like", "--num-nodes", "500", "--root", root]) == 0
    out = capsys.readouterr().out
    assert "Store(arxiv-like-500, 500 nodes" in out
    assert str(tmp_path / "stores" / "arxiv-like-500") in out
    given = ["--num-nodes", "40", "--method", "random", "--root", root]
    assert main(["condense", "arxiv-like-500", *given]) == 0
    capsys.readouterr()
    raw_files.reddit(tmp_path, raw_files.mini())
    out = str(tmp_path / "mine")
    assert (
        main(["datasets", "pack", "reddit", "--root", root, "--out", out, "--half", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["folder"] == out
    assert main(["condense", out, "--num-nodes", "8", "--method", "random"]) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["generate"], "generate what? known: flickr-like"),
        (["generate", "redit-like"], "did you mean 'reddit-like'"),
        (["pack", "arxiv-like"], "known: flickr, reddit, ogbn-arxiv"),
        (["pack", "reddit", "--seed", "1"], "--seed is for `gcond datasets` generate"),
        (["list", "cora"], "a name is for `gcond datasets` generate and pack"),
    ],
)
def test_datasets_refuses_what_it_does_not_know(given, message, capsys):
    assert main(["datasets", *given]) == 2
    assert message in capsys.readouterr().err
