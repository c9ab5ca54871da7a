"""A condensed graph without gcond: safetensors and json are all it takes.

    python examples/read_without_gcond.py [FILE]

Without a file it makes a small one first, which is the only thing it uses gcond for.
"""

import json
import sys
import tempfile
from pathlib import Path

from safetensors import safe_open


def read(path: str) -> tuple[dict, dict]:
    """Tensors and header of a condensed graph."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["gcond"])
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118


def main() -> None:
    """Prints what is in the file."""
    if len(sys.argv) > 1:
        tensors, header = read(sys.argv[1])
    else:
        import gcond

        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "digits.safetensors")
            gcond.condense("digits", num_nodes=20, method="herding").save(path)
            tensors, header = read(path)
    source = header["source"]
    share = 100 * len(tensors["y"]) / source["num_nodes"]
    print(f"{source['name']}: {len(tensors['y'])} of {source['num_nodes']} nodes ({share:.1f} %)")
    print(f"method {header['config']['name']}, seed {header['seed']}")
    for name, array in tensors.items():
        print(f"{name}: {array.dtype} {list(array.shape)}")
    labels = [source["label_names"][c] for c in tensors["y"]]
    print(f"labels: {labels}")
    print(f"features were preprocessed as {source['preprocess']['kind']!r}")


if __name__ == "__main__":
    main()
