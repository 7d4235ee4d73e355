"""The toolkit serves any package: nothing in it is of the update that comes with it."""

import re
from pathlib import Path

import pytest

from backport import __version__
from backport.recipe import reader

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [re.escape(source.name) for source in reader.load(ROOT / "backport.toml").sources]
WORDS = re.compile("|".join(("certbot", "letsencrypt", r"\bacme\b", "renew", *SOURCES)), re.I)
STUDY = re.compile(r"^\s*(from|import) study\b", re.M)


def found(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """The places below a folder that have the pattern."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    texts = {str(path.relative_to(folder)): path.read_text() for path in sorted(paths)}
    return [f"{name}: {one[0]}" for name, text in texts.items() for one in pattern.finditer(text)]


def test_the_toolkit_has_no_word_of_the_update_and_nothing_of_the_study() -> None:
    assert found(ROOT / "backport", WORDS) == []
    assert found(ROOT / "backport", STUDY) == []


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("# as Certbot does", WORDS),
        ("letsencrypt", WORDS),
        ('"acme"', WORDS),
        ("def renewals():", WORDS),
        ("python-filelock", WORDS),
        ("    from study import model", STUDY),
    ],
)
def test_such_a_word_is_found(tmp_path: Path, text: str, pattern: re.Pattern[str]) -> None:
    (tmp_path / "module.py").write_text(f"x = 1\n{text}\n")
    assert len(found(tmp_path, pattern)) == 1


def test_the_version_is_the_newest_of_the_changelog() -> None:
    first = re.search(r"(?m)^## (\S+)", (ROOT / "CHANGELOG.md").read_text())
    assert first is not None
    assert first[1] == __version__
