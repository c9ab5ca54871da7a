"""Tables as text: plain, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

Style = Literal["markdown", "plain", "latex"]


def tabulate(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], style: Style = "markdown"
) -> str:
    """A table under its title; the first column is text, the others are numbers.

    Raises:
        ValueError: The style is unknown.
    """
    if style not in get_args(Style):
        raise ValueError(f"unknown style {style!r}; choose one of {', '.join(get_args(Style))}")
    if style == "latex":
        return _latex(title, head, rows)
    if style == "markdown":
        marks = ["---", *["--:"] * (len(head) - 1)]
        lines = [_bars(head), "|" + "|".join(marks) + "|", *map(_bars, rows)]
        return "\n".join([title, "", *lines])
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in _rest(row, widths))])
        for row in (head, *rows)
    ]
    return "\n".join([title, "", lines[0], "-" * len(lines[0]), *lines[1:]])


def size(nbytes: int) -> str:
    """Bytes as a person reads them."""
    return f"{nbytes / 1e6:.2f} MB" if nbytes >= 1e5 else f"{nbytes / 1e3:.1f} kB"


def counted(n: int, what: str) -> str:
    """A number of things: ``1 seed``, ``5 seeds``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _rest(row: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(row[1:], widths[1:], strict=True))


def _bars(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = [" & ".join(map(_escaped, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_escaped(title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            " & ".join(map(_escaped, head)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _escaped(text: str) -> str:
    for plain, tex in (("%", r"\%"), ("_", r"\_"), ("&", r"\&"), ("#", r"\#"), ("±", r"$\pm$")):
        text = text.replace(plain, tex)
    return text
