"""A real browser, headless: what it shows of a page, and what axe-core has to say about it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
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
    .filter(one => !one.closest(".only-read, thead"));
  const overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify({
    width: innerWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    faults: [
      ...found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 160))]),
      ...wide.map(one => ["too wide", one.outerHTML.slice(0, 120)]),
      ...[overflow].filter(pixels => pixels > 0),
    ],
  });
  document.body.append(told);
});
"""


def _program() -> str:
    """The browser's program; without one the test is skipped. Firefox cannot print a DOM."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    if found := [path for name in names if (path := shutil.which(name))]:
        return found[0]
    pytest.skip("no Chromium is installed: apt install chromium, or snap install chromium")


def look(page: Path, width: int, *, dark: bool = False) -> Any:
    """Open a copy of a page beside it, with axe-core in it, in a window of that width.

    Returns the `width`, whether it is `dark`, and the `faults`: axe's, and what is too wide.
    """
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
    return json.loads(html.unescape(match[1]))
