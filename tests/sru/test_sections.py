import json
from pathlib import Path
from typing import Any

import pytest

from backport.errors import InputError
from backport.sru import sections

HEAD = {"title": "A title", "sentence": "A sentence."}


def written(folder: Path, data: Any) -> Path:
    path = folder / "report-a.json"
    path.write_text(json.dumps(data))
    return path


def test_a_histogram_a_table_and_a_figure_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    for data, expected in (
        (
            {"bins": [["a", 1], ["b", 2.5]], "unit": "s"},
            {"bins": (("a", 1), ("b", 2.5)), "unit": "s"},
        ),
        ({"columns": ["x", "y"], "rows": [["a", 1]]}, {"columns": ("x", "y"), "rows": (("a", 1),)}),
        ({"figure": "a.png"}, {"figure": "data:image/png;base64,iVBORw=="}),
    ):
        read = sections.read(written(tmp_path, {**HEAD, **data}))
        assert read == sections.Section("A title", "A sentence.", **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEAD, "one of bins, columns and figure"),
        ({**HEAD, "bins": [], "figure": "a.svg"}, "one of bins, columns and figure"),
        ({**HEAD, "bins": [["a", 1]]}, "unit"),
        ({**HEAD, "columns": ["x"]}, "rows"),
        ({**HEAD, "columns": ["x"], "rows": [["a", 1]]}, "not as long as columns"),
        ({**HEAD, "figure": "../a.svg"}, "no .svg or .png file beside it"),
        ({**HEAD, "figure": "a.html"}, "no .svg or .png file beside it"),
        ({**HEAD, "figure": "gone.svg"}, "No such file"),
        ({**HEAD, "bins": [], "unit": "s", "color": "red"}, "the unknown key 'color'"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        sections.read(written(tmp_path, data))
    assert caught.value.where == str(tmp_path / "report-a.json")


def test_what_the_tests_of_the_update_write_can_be_read(tmp_path: Path) -> None:
    from tests.autopkgtest.support import library  # noqa: PLC0415 - of Python 2.7 too

    moments = library("schedule_statistics").summary(range(0, 86400, 100))
    data = library("schedule_spread").section("timer", {**moments, "systemd_measured": "247"}, "x")
    assert sum(number for _, number in sections.read(written(tmp_path, data)).bins) == 864
    pair = library("interleaving_lineage")
    row = {**dict.fromkeys((*pair.BAD, "blocked"), 0), "orders": 9}
    one = {
        "subject": "as installed",
        "reason": "due",
        "switches": [{**row, "switches": 1, "how": "every order"}],
        "random": [{**row, "chance": 0.5}],
    }
    data = library("interleaving_run").section(pair, {"writers": "lineage", "pairs": [one]})
    assert [cells[:2] for cells in sections.read(written(tmp_path, data)).rows] == [
        ("as installed, due: 1 switches, every order", 9),
        ("as installed, due: random, chance 0.5", 9),
    ]
