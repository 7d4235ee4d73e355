"""The study's tests, as autopkgtest gets them."""

from pathlib import Path

from study import recipe
from study.tests.support import LIBRARY
from tests.autopkgtest import test_shipped as shipped
from tests.autopkgtest.support import ROOT

TESTS = LIBRARY.parent
RECIPE = recipe.load(ROOT / "backport.toml")


def test_every_named_test_is_there_can_be_run_and_has_a_row_or_is_a_control() -> None:
    shipped.can_be_run(TESTS, shipped.ARCHIVE)
    assert shipped.not_named(TESTS) == {LIBRARY.name}
    rows = [row for row in RECIPE.matrix if row.folder.path == TESTS]
    names = {row.name for row in rows} | {control.test for row in rows for control in row.controls}
    named = {name for one in shipped.control_of(TESTS) for name in shipped.words(one, "Tests")}
    assert named == names


def test_the_control_names_the_modules_of_the_update_s_tests_that_are_imported(
    tmp_path: Path,
) -> None:
    folder = recipe.folder(RECIPE, "campaign")
    known = {path.name: path for place in folder.library for path in place.glob("*.py")}
    shipped.copy_tests(TESTS, tmp_path / "tests", folder.library)
    expected: set[str] = set()
    wanted = shipped.imported(TESTS) & known.keys()
    while wanted - expected:
        expected |= wanted
        texts = [known[name].read_text() for name in wanted]
        (tmp_path / "wanted").mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (tmp_path / "wanted" / f"{number}.py").write_text(text)
        wanted = shipped.imported(tmp_path / "wanted") & known.keys()
    named = {path.name for path in (tmp_path / "tests" / "lib").glob("*.py")}
    # That of the stand-in CA is a program of its own.
    assert named - {"matrix_ca.py", "acme_ca.py"} == expected - {"matrix_ca.py", "acme_ca.py"}
