from pathlib import Path

import pytest

from backport.errors import InputError
from study import admins


def test_each_distribution_says_where_it_comes_from() -> None:
    for distribution in admins.load():
        assert len(distribution.source) > 20
        assert sum(distribution.hours()) >= 1 - 1e-9


def test_the_rarest_pair_lies_twelve_hours_apart_where_the_fewest_jobs_are() -> None:
    by_name = {distribution.name: distribution for distribution in admins.load()}
    first, second = by_name["survey"].rarest_pair()
    assert second - first == 12
    shares = by_name["survey"].hours()
    assert shares[first] + shares[second] == min(shares[h] + shares[h + 12] for h in range(12))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no distribution"),
        ("[a]\ntitle = 'x'", "a title and a source"),
        ("[a]\ntitle = 'x'\nsource = 'y'", "neither times nor hours"),
        ("[a]\ntitle = 'x'\nsource = 'y'\ntimes = { '0 3' = 0 }", "no number above 0"),
        ("[a]\ntitle = 'x'\nsource = 'y'\ntimes = { 'never' = 1 }", "crontab line"),
        ("[a", "cannot be read"),
    ],
)
def test_a_wrong_distribution_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "hours.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        admins.load(path)
