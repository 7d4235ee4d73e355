from __future__ import annotations

import pytest

from tests.check.trees import python_above


@pytest.mark.parametrize(
    ("text", "grammar"),
    [
        ("import subprocess\nsubprocess.run(['x'])\n", "python3"),
        ("from . import secrets\n", "python3"),
        ("def f():\n    return breakpoint()\ndef breakpoint():\n    pass\n", "python3"),
        (
            "import random\nclass A:\n    def choices(self):\n        return self.choices()\n",
            "python3",
        ),
        ("import sys\nif sys.version_info >= (3, 6):\n    import secrets\n", "python3"),
        ("import os\nif hasattr(os, 'scandir'):\n    os.scandir('.')\n", "python2"),
        ("try:\n    from urllib.parse import quote\nexcept ImportError:\n    pass\n", "python2"),
        ("import ssl\nssl.create_default_context()\n", "python2"),
        ("print 'x', 0777, `a`\n", "python2"),
        ("exec 'x' in {}\nraise ValueError, 'x'\n", "python2"),
    ],
)
def test_what_the_series_python_has_is_not_found(text: str, grammar: str) -> None:
    assert python_above(text, grammar) == []


@pytest.mark.parametrize(
    ("text", "grammar", "why"),
    [
        ("import secrets\n", "python3", "secrets came with Python 3.6; xenial has 3.5.1-3"),
        ("'%G'\nimport time\ntime.strftime('%G')\n", "python3", "Python 3.6"),
        ("a = 1_000\n", "python3", "underscores in numbers came with Python 3.6"),
        (
            "import os\nos.scandir('.')\n",
            "python2",
            "os.scandir came with Python 3.5; xenial has 2.7",
        ),
        ("from pathlib import Path\n", "python2", "pathlib came with Python 3.4"),
    ],
)
def test_what_is_newer_than_the_series_python_is_found(text: str, grammar: str, why: str) -> None:
    findings = python_above(text, grammar)
    assert any(why in one.why for one in findings)
    assert all(one.severity == "error" and one.place.startswith("module.py:") for one in findings)


def test_a_newer_series_may_use_more() -> None:
    assert python_above("import secrets\na = f'{secrets}'\n", "python3", python3="3.6.1-1") == []
