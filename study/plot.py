"""Two plots as SVG: the remedies' odds, and the outcome of pairs over their offset.

They are made to stand inside a page of HTML: no script, and their words stay text.
"""

from __future__ import annotations

import io
import math

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, PercentFormatter

from study.assessment import Case
from study.figures import TOLERABLE
from study.measured import OUTCOMES, Measured

_COLOURS = {
    "fine": "#4b8b57", "error": "#c98a1b", "inconsistent": "#8a5a9e", "mismatch": "#b8392f",
    "mail": "#c98a1b",
}  # fmt: skip
_INK = "#333333"
_LOWEST = 1e-10


def remedies_svg(case: Case) -> str:
    """For each remedy the range over the distributions, of cron mail and of mismatch.

    The axis is logarithmic; the line at one in a million is what upstream called tolerable.
    An open circle is a bound. What has no bound, or odds of nought, is said in words.
    """
    names = list(dict.fromkeys(row.remedy for row in case.rows))
    figure = Figure(figsize=(9, 1.6 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    titles = []
    for index, name in enumerate(names):
        rows = [row for row in case.rows if row.remedy == name]
        titles.append(rows[0].title)
        words = []
        for what, label, above in (("mail", "cron mail", -0.17), ("mismatch", "mismatch", 0.17)):
            known = [share for share in (getattr(row, what) for row in rows) if share]
            values = [max(_LOWEST, share.value) for share in known if share.value > 0]
            if values:
                axes.plot(
                    [min(values), max(values)],
                    [index + above] * 2,
                    "o-",
                    color=_COLOURS[what],
                    markerfacecolor="white" if any(one.bound for one in known) else None,
                    markersize=5,
                    linewidth=1,
                )
            else:
                words.append(f"{label}: {'never' if known else 'not bounded'}")
        axes.text(_LOWEST * 1.5, index, "; ".join(words), va="center", size="small", color=_INK)
    for what, label in (("mail", "cron mail"), ("mismatch", "certificate and key do not match")):
        axes.plot([], [], "o", color=_COLOURS[what], label=label)
    axes.plot([], [], "o", color=_INK, markerfacecolor="white", label="a bound: nothing was seen")
    axes.axvline(TOLERABLE, color=_INK, linestyle="--", linewidth=1, label="1 in 1,000,000")
    axes.set_xscale("log")
    axes.set_xlim(_LOWEST, 1.5)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(
        FuncFormatter(
            lambda value, _: "always" if value >= 1 else f"1 in 10^{-math.log10(value):.0f}"
        )
    )
    axes.set_yticks(range(len(names)), titles)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return _svg(figure, f"Odds per renewal, {case.name}")


def curve_svg(one: Measured) -> str:
    """The outcomes of pairs over the offset between the two starts, as stacked bars.

    The upright line in a bar is the interval of the rate of those that ended well.
    """
    title = f"Outcome of {one.pairs} pairs, {one.variant}, {one.disk}"
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    starts = [start for start, _, _ in one.curve]
    widths = [end - start for start, end, _ in one.curve]
    below = [0.0] * len(starts)
    for name in OUTCOMES:
        shares = [counts[name] / sum(counts.values()) for _, _, counts in one.curve]
        axes.bar(starts, shares, widths, below, align="edge", color=_COLOURS[name], label=name)
        below = [low + share for low, share in zip(below, shares, strict=True)]
    axes.vlines(
        [(start + end) / 2 for start, end, _ in one.curve],
        [fine.low for fine in one.fine],
        [fine.high for fine in one.fine],
        color=_INK,
        label="95 % of fine",
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("start of the second run after the first, in seconds")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    return _svg(figure, title)


def _svg(figure: Figure, title: str) -> str:
    """The figure as text, the same bytes each time."""
    figure.suptitle(title, fontsize="medium", color=_INK)
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "study"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Title": title})
    return out.getvalue()
