"""What to cite: BibTeX of methods and datasets."""

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

_DC = """@inproceedings{zhao2021dataset,
  title = {Dataset Condensation with Gradient Matching},
  author = {Zhao, Bo and Mopuri, Konda Reddy and Bilen, Hakan},
  booktitle = {International Conference on Learning Representations},
  year = {2021},
  url = {https://arxiv.org/abs/2006.05929}
}"""

_DSA = """@inproceedings{zhao2021differentiable,
  title = {Dataset Condensation with Differentiable Siamese Augmentation},
  author = {Zhao, Bo and Bilen, Hakan},
  booktitle = {International Conference on Machine Learning},
  year = {2021},
  url = {https://arxiv.org/abs/2102.08259}
}"""

_DM = """@inproceedings{zhao2023distribution,
  title = {Dataset Condensation with Distribution Matching},
  author = {Zhao, Bo and Bilen, Hakan},
  booktitle = {IEEE/CVF Winter Conference on Applications of Computer Vision},
  year = {2023},
  url = {https://arxiv.org/abs/2110.04181}
}"""

_DCC = """@inproceedings{lee2022contrastive,
  title = {Dataset Condensation with Contrastive Signals},
  author = {Lee, Saehyung and Chun, Sanghyuk and Jung, Sangwon and Yun, Sangdoo and Yoon, Sungroh},
  booktitle = {International Conference on Machine Learning},
  year = {2022},
  url = {https://arxiv.org/abs/2202.02916}
}"""

_DELVING = """@article{jiang2022delving,
  title = {Delving into Effective Gradient Matching for Dataset Condensation},
  author = {Jiang, Zixuan and Gu, Jiaqi and Liu, Mingjie and Pan, David Z.},
  journal = {arXiv preprint arXiv:2208.00311},
  year = {2022}
}"""

_DD = """@article{wang2018dataset,
  title = {Dataset Distillation},
  author = {Wang, Tongzhou and Zhu, Jun-Yan and Torralba, Antonio and Efros, Alexei A.},
  journal = {arXiv preprint arXiv:1811.10959},
  year = {2018}
}"""

_MNIST = """@article{lecun1998gradient,
  title = {Gradient-Based Learning Applied to Document Recognition},
  author = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  year = {1998}
}"""

_FASHION = """@article{xiao2017fashion,
  title = {Fashion-{MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  journal = {arXiv preprint arXiv:1708.07747},
  year = {2017}
}"""

_CIFAR = """@techreport{krizhevsky2009learning,
  title = {Learning Multiple Layers of Features from Tiny Images},
  author = {Krizhevsky, Alex},
  institution = {University of Toronto},
  year = {2009}
}"""

METHODS = {
    "dc": _DC,
    "dsa": _DSA,
    "dm": _DM,
    "dcc": _DCC,
    "multi-level": _DELVING,
    "dd": _DD,
    "gcond": _GCOND,
    "gcond-x": _GCOND,
    "doscond": _DOSCOND,
    "doscond-x": _DOSCOND,
    "herding": _HERDING,
    "k-center": _KCENTER,
}

DATASETS = {
    "mnist": _MNIST,
    "fashion-mnist": _FASHION,
    "cifar10": _CIFAR,
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
