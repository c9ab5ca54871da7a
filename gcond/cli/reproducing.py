"""The command that runs a paper's own settings."""

from __future__ import annotations

from pathlib import Path

from gcond.cli.console import Name, say, say_table, writable


def reproduce(
    name: Name = None,
    /,
    seeds: int = 1,
    evaluation_seeds: int = 5,
    device: str | None = None,
    root: Path | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Run a recipe, a row of a paper with the paper's settings, and print ours beside theirs.

    The last step is judged, never the best on test nodes. Without a name the recipes are listed.

    Args:
        name: For example gcond/cora-70.
        seeds: Condensations.
        evaluation_seeds: Models that judge each.
        device: Where it runs: cpu, cuda, cuda:1, or auto for CUDA where there is some.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        out: File to write all figures to, as JSON.
        json: Print all figures as JSON.
    """
    from gcond import recipes

    if name is None:
        names = recipes.list_recipes()
        say_table({recipe: recipes.load(recipe).published for recipe in names}, json)
        return
    from gcond.reproduction import reproduce as run

    if out is not None:
        writable(out, "--out")
    result = run(name, seeds=seeds, evaluation_seeds=evaluation_seeds, root=root, device=device)
    if out is not None:
        out.write_text(result.to_json() + "\n")
    say(result.to_json() if json else result.table())
