"""Small charts as inline SVG: no script, no font, colours by the page's own style sheet.

Their words stand beside them in HTML, so that they stay readable on a phone.
"""

from __future__ import annotations

import html
from collections.abc import Sequence


def bar(share: float, kind: str) -> str:
    """A bar of a share (0 to 1) of its room; `kind` is a class of the style sheet."""
    width = min(100.0, max(0.6, share * 100)) if share > 0 else 0.0
    return (
        '<svg class="line" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false"><rect class="{html.escape(kind)}" width="{width:.2f}" height="8"/>'
        "</svg>"
    )


def share(bad: int, total: int) -> str:
    """A short bar of what went wrong among all; it stands beside the numbers in words."""
    part = max(5.0, bad / total * 100) if total and bad else 0.0
    filled = f'<rect class="bad" width="{part:.1f}" height="8"/>' if part else ""
    return (
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false"><rect class="track" width="100" height="8"/>{filled}</svg>'
    )


def histogram(title: str, bins: Sequence[tuple[str, float]], unit: str) -> str:
    """Upright bars over named bins; each bar's name and number show when it is pointed at."""
    most = max((value for _, value in bins), default=0.0) or 1.0
    step = 1000 / max(1, len(bins))
    gap = step * (0.12 if len(bins) <= 60 else 0.0)
    parts = [
        f'<rect class="bar" x="{place * step + gap / 2:.2f}" y="{200 - value / most * 196:.2f}" '
        f'width="{step - gap:.2f}" height="{value / most * 196:.2f}">'
        f"<title>{html.escape(label)}: {number(value)} {html.escape(unit)}</title></rect>"
        for place, (label, value) in enumerate(bins)
    ]
    return (
        f'<svg class="histogram" role="img" aria-label="{html.escape(title, quote=True)}" '
        f'viewBox="0 0 1000 200" preserveAspectRatio="none">{"".join(parts)}'
        '<line class="axis" x1="0" y1="200" x2="1000" y2="200"/></svg>'
    )


def ticks(bins: Sequence[tuple[str, float]], most: int = 7) -> list[str]:
    """The names below a histogram: at most so many, evenly chosen, "" between them.

    >>> ticks([(str(n), 1.0) for n in range(24)], 4)
    ['0', '6', '12', '18']
    """
    every = max(1, -(-len(bins) // most))
    return [label for place, (label, _) in enumerate(bins) if place % every == 0]


def number(value: float) -> str:
    """A number as a person reads it.

    >>> number(1234.0), number(3.25), number(0.0)
    ('1,234', '3.2', '0')
    """
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """A length of time as a person reads it.

    >>> duration(0.4), duration(79.7), duration(3700)
    ('0.4 s', '1 min 20 s', '1 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
