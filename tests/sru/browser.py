"""A real browser, headless: what it shows of a page, and what axe-core has to say about it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_core_python
import pytest

_AXE = Path(str(axe_core_python.__file__)).with_name("axe.min.js")
_LOOK = """
addEventListener("load", async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  const wide = [...document.body.querySelectorAll("*")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    .filter(one => !one.closest(".only-read, thead"))
    .map(one => one.outerHTML.slice(0, 120));
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify({
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    wide: wide,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    violations: found.violations.map(
      one => [one.id, one.help, one.nodes.map(node => node.html.slice(0, 160))]),
  });
  document.body.append(told);
});
"""


@dataclass(frozen=True)
class Look:
    """What the browser found: pixels that are wider than the window, and axe's violations."""

    width: int
    overflow: int
    wide: Sequence[str]
    dark: bool
    violations: Sequence[Any]


def _program() -> str:
    """The browser's program; without one the test is skipped. Firefox cannot print a DOM."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    if found := [path for name in names if (path := shutil.which(name))]:
        return found[0]
    pytest.skip("no Chromium is installed: apt install chromium, or snap install chromium")


def look(page: Path, width: int, *, dark: bool = False) -> Look:
    """Open a copy of a page beside it, with axe-core in it, in a window of that width."""
    text = page.read_text()
    assert "<script" not in text
    inside = f"<script>{_AXE.read_text()}</script><script>{_LOOK}</script></body>"
    copy = page.with_name(f".{page.name}")
    copy.write_text(text.replace("</body>", inside))
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    words = ["--dump-dom", "--virtual-time-budget=30000", f"--window-size={width},900", *scheme]
    command = [_program(), "--headless", "--no-sandbox", "--disable-gpu", *words]
    try:
        done = subprocess.run(
            [*command, copy.absolute().as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    finally:
        copy.unlink()
    match = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, "axe-core did not come to an end"
    return Look(**json.loads(html.unescape(match[1])))
