"""The command line, in processes of its own where that matters."""

import subprocess
import sys

from gcond.cli import main


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
