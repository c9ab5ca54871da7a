"""What a person wants to know of a condensed set: a card, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed

LIBRARY = """@software{gcond,
  title = {gcond: dataset condensation on graphs},
  author = {{The gcond authors}},
  year = {2026},
  version = {VERSION}
}"""

_GCOND = """@inproceedings{jin2022graph,
  title = {Graph Condensation for Graph Neural Networks},
  author = {Jin, Wei and Zhao, Lingxiao and Zhang, Shichang and Liu, Yozen and Tang, Jiliang and Shah, Neil},
  booktitle = {International Conference on Learning Representations},
  year = {2022},
  url = {https://arxiv.org/abs/2110.07580}
}"""  # noqa: E501

_DOSCOND = """@inproceedings{jin2022condensing,
  title = {Condensing Graphs via One-Step Gradient Matching},
  author = {Jin, Wei and Tang, Xianfeng and Jiang, Haoming and Li, Zheng and Zhang, Danqing and Tang, Jiliang and Yin, Bing},
  booktitle = {ACM SIGKDD Conference on Knowledge Discovery and Data Mining},
  year = {2022},
  url = {https://arxiv.org/abs/2206.07746}
}"""  # noqa: E501

_HERDING = """@inproceedings{welling2009herding,
  title = {Herding Dynamical Weights to Learn},
  author = {Welling, Max},
  booktitle = {International Conference on Machine Learning},
  year = {2009}
}"""

_KCENTER = """@inproceedings{sener2018active,
  title = {Active Learning for Convolutional Neural Networks: A Core-Set Approach},
  author = {Sener, Ozan and Savarese, Silvio},
  booktitle = {International Conference on Learning Representations},
  year = {2018},
  url = {https://arxiv.org/abs/1708.00489}
}"""

_PLANETOID = """@inproceedings{yang2016revisiting,
  title = {Revisiting Semi-Supervised Learning with Graph Embeddings},
  author = {Yang, Zhilin and Cohen, William W. and Salakhutdinov, Ruslan},
  booktitle = {International Conference on Machine Learning},
  year = {2016},
  url = {https://arxiv.org/abs/1603.08861}
}"""

_PITFALLS = """@article{shchur2018pitfalls,
  title = {Pitfalls of Graph Neural Network Evaluation},
  author = {Shchur, Oleksandr and Mumme, Maximilian and Bojchevski, Aleksandar and G{\\"u}nnemann, Stephan},
  journal = {arXiv preprint arXiv:1811.05868},
  year = {2018}
}"""  # noqa: E501

_WIKICS = """@article{mernyei2020wikics,
  title = {Wiki-CS: A Wikipedia-Based Benchmark for Graph Neural Networks},
  author = {Mernyei, P{\\'e}ter and Cangea, C{\\u{a}}t{\\u{a}}lina},
  journal = {arXiv preprint arXiv:2007.02901},
  year = {2020}
}"""

_HETEROPHILY = """@inproceedings{platonov2023critical,
  title = {A critical look at the evaluation of {GNNs} under heterophily: Are we really making progress?},
  author = {Platonov, Oleg and Kuznedelev, Denis and Diskin, Michael and Babenko, Artem and Prokhorenkova, Liudmila},
  booktitle = {International Conference on Learning Representations},
  year = {2023},
  url = {https://arxiv.org/abs/2302.11640}
}"""  # noqa: E501

METHODS = {
    "gcond": _GCOND,
    "gcond-x": _GCOND,
    "doscond": _DOSCOND,
    "doscond-x": _DOSCOND,
    "herding": _HERDING,
    "k-center": _KCENTER,
}

DATASETS = {
    **dict.fromkeys(("cora", "citeseer", "pubmed"), _PLANETOID),
    **dict.fromkeys(
        ("amazon-computers", "amazon-photo", "coauthor-cs", "coauthor-physics"), _PITFALLS
    ),
    "wikics": _WIKICS,
    **dict.fromkeys(
        ("roman-empire", "amazon-ratings", "minesweeper", "tolokers", "questions"), _HETEROPHILY
    ),
}


def bibtex(condensed: Condensed) -> str:
    """BibTeX of the method, the dataset and this library; what has no paper is left out."""
    library = LIBRARY.replace("VERSION", condensed.versions.get("gcond", "unknown"))
    found = [METHODS.get(condensed.config["name"]), DATASETS.get(condensed.source.name), library]
    return "\n\n".join(entry for entry in found if entry)


def card(condensed: Condensed) -> str:
    """A few lines on what was condensed, how, and what came out."""
    return "\n".join(f"{name:12} {text}" for name, text in lines(condensed).items())


def lines(condensed: Condensed) -> dict[str, str]:
    """The lines of the card by name."""
    source, history = condensed.source, condensed.history
    share = condensed.num_nodes / source.num_nodes
    found = {
        "dataset": f"{source.name}, {source.setting}, split {source.split}",
        "method": f"{condensed.config['name']}, seed {condensed.seed}",
        "graphs": f"{condensed.num_graphs:,} of {source.num_graphs:,}",
        "nodes": f"{condensed.num_nodes:,} of {source.num_nodes:,} ({share:.2%})",
        "classes": ", ".join(
            f"{label}: {_count(condensed, c)}" for c, label in enumerate(source.label_names)
        ),
        "features": f"{source.num_features:,}, preprocessed: {source.preprocess.kind}",
        "edges": f"{condensed.edge_index.shape[1] // 2:,}",
        "bytes": f"{condensed.nbytes:,} of {source.nbytes:,}",
        "steps": f"{history.steps:,}, step {history.selected_step:,} selected",
    }
    if not source.num_graphs:
        del found["graphs"]
    if history.scores:
        best = history.scores.get(history.selected_step)
        found["validation"] = f"{best:.1f} %" if best is not None else "not scored"
    found["made with"] = ", ".join(f"{name} {v}" for name, v in condensed.versions.items())
    found["fingerprint"] = source.fingerprint[:16]
    return found


def _count(condensed: Condensed, c: int) -> int:
    """Items of a class, or those with a label where they have several."""
    y = condensed.y
    return int((y[:, c] == 1).sum() if y.dim() == 2 else (y == c).sum())
