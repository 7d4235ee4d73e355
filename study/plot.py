"""Two plots as SVG by hand: the remedies' odds, and the outcome of pairs over their offset.

They are made to stand inside a page of HTML: no script, no font and no colour from outside.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from study.assessment import Case
from study.figures import TOLERABLE
from study.measured import OUTCOMES, Measured

_COLOURS = {
    "fine": "#4b8b57", "error": "#c98a1b", "inconsistent": "#8a5a9e", "mismatch": "#b8392f",
    "mail": "#c98a1b",
}  # fmt: skip
_INK, _PALE = "#333333", "#d9d9d9"
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 860, 250, 30, 24, 46
_LOWEST = -10


def remedies_svg(case: Case) -> str:
    """For each remedy the range over the distributions, of cron mail and of mismatch.

    The axis is logarithmic; the line at one in a million is what upstream called tolerable.
    An open circle is a bound. What has no bound, or odds of nought, is said in words.
    """
    names = list(dict.fromkeys(row.remedy for row in case.rows))
    height = _TOP + len(names) * _ROW + 64
    parts = _axis(len(names))
    for index, name in enumerate(names):
        rows = [row for row in case.rows if row.remedy == name]
        y = _TOP + index * _ROW + _ROW / 2
        parts.append(_text(_LEFT - 10, y + 4, rows[0].title, "end"))
        words = []
        for what, shift, label in (("mail", -4, "cron mail"), ("mismatch", 4, "mismatch")):
            known = [share for share in (getattr(row, what) for row in rows) if share]
            values = [share.value for share in known if share.value > 0]
            bound = any(share.bound for share in known)
            if values:
                parts += _range(min(values), max(values), y + shift, _COLOURS[what], bound)
            else:
                words.append(f"{label}: {'never' if known else 'not bounded'}")
        if words:
            parts.append(_text(_LEFT + 6, y + 4, "; ".join(words), size=11))
    legend = (
        ("mail", "cron mail"), ("mismatch", "certificate and key do not match"),
    )  # fmt: skip
    x = float(_LEFT)
    for colour, label in legend:
        parts.append(f'<circle cx="{x}" cy="{height - 12}" r="4" fill="{_COLOURS[colour]}"/>')
        parts.append(_text(x + 9, height - 8, label, size=11))
        x += 30 + 6.4 * len(label)
    parts.append(_text(x, height - 8, "open: a bound, nothing was seen", size=11))
    return _svg(_WIDTH, height, f"Odds per renewal, {case.name}", parts)


def curve_svg(one: Measured) -> str:
    """The outcomes of pairs over the offset between the two starts, as stacked bars.

    The upright line in a bar is the interval of the rate of those that ended well.
    """
    width, height, left, bottom, top = _WIDTH, 300, 60, 46, 40
    if not one.curve:
        return _svg(width, height, "no pairs", [_text(left, 150, "There is no pair to show.")])
    low, high = one.curve[0][0], one.curve[-1][1]
    scale = (width - left - _RIGHT) / (high - low)
    parts = []
    whiskers = []
    for (start, end, counts), fine in zip(one.curve, one.fine, strict=True):
        total = sum(counts.values())
        y = float(height - bottom)
        middle = left + ((start + end) / 2 - low) * scale
        ends = [y - (y - top) * share for share in (fine.low, fine.high)]
        whiskers.append(_line(middle, ends[0], middle, ends[1], _INK))
        for name in OUTCOMES:
            tall = (height - bottom - top) * counts[name] / total
            y -= tall
            if tall > 0:
                parts.append(
                    f'<rect x="{left + (start - low) * scale:.1f}" y="{y:.1f}" '
                    f'width="{max(1.0, (end - start) * scale - 0.5):.1f}" height="{tall:.1f}" '
                    f'fill="{_COLOURS[name]}"><title>{start:.2f} to {end:.2f} s: {name} '
                    f"{counts[name]} of {total}</title></rect>"
                )
    parts += whiskers
    for tick in range(math.ceil(low), math.floor(high) + 1):
        parts.append(_text(left + (tick - low) * scale, height - bottom + 16, f"{tick}", "middle"))
    for percent in (0, 50, 100):
        y = height - bottom - (height - bottom - top) * percent / 100
        parts.append(_text(left - 8, y + 4, f"{percent} %", "end"))
    parts.append(
        _text(
            width / 2, height - 8, "start of the second run after the first, in seconds", "middle"
        )
    )
    x = float(left)
    for name in OUTCOMES:
        parts.append(f'<rect x="{x}" y="14" width="10" height="10" fill="{_COLOURS[name]}"/>')
        parts.append(_text(x + 15, 23, name, size=12))
        x += 30 + 7 * len(name)
    parts += [_line(x + 5, 14, x + 5, 24, _INK), _text(x + 15, 23, "95 % of fine", size=12)]
    title = f"{len(one.curve)} offsets, {one.pairs} pairs, {one.variant} packages, {one.disk}"
    parts.append(_text(width - _RIGHT, 23, title, "end", size=12))
    return _svg(width, height, f"Outcome of pairs, {one.variant}, {one.disk}", parts)


def _x(value: float) -> float:
    exponent = max(float(_LOWEST), math.log10(value))
    return _LEFT + (exponent - _LOWEST) / -_LOWEST * (_WIDTH - _LEFT - _RIGHT)


def _axis(number: int) -> list[str]:
    bottom = _TOP + number * _ROW
    parts = []
    for exponent in range(_LOWEST, 1, 2):
        x = _x(10.0**exponent)
        parts.append(_line(x, _TOP, x, bottom, _PALE))
        label = "always" if exponent == 0 else f"1 in 10^{-exponent}"
        parts.append(_text(x, bottom + 16, label, "middle", size=11))
    x = _x(TOLERABLE)
    parts.append(_line(x, _TOP - 8, x, bottom, _INK, dashed=True))
    parts.append(_text(x, _TOP - 14, "1 in 1,000,000", "middle", size=11))
    return parts


def _range(low: float, high: float, y: float, colour: str, bound: bool) -> list[str]:
    fill = "#ffffff" if bound else colour
    ends = dict.fromkeys((_x(low), _x(high)))
    return [
        _line(_x(low), y, _x(high), y, colour),
        *(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{fill}" stroke="{colour}"/>'
            for x in ends
        ),
    ]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", *, size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{_INK}">{html.escape(text)}</text>'
    )


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif">\n'
        f"<title>{html.escape(title)}</title>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )
