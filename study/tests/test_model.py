import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study import admins, figures
from study.model import Difference, Renewal, odds
from study.schedule import Schedule, Start, cron, timer
from study.simulate import play

PACKAGE = timer("OnCalendar=*-*-* 00,12:00:00\nRandomizedDelaySec=3600\nAccuracySec=1us\n")


def test_one_fixed_and_one_even_start_meet_as_the_hour_says() -> None:
    # From either side, in one of two hours; what falls due in the half hour between is safe.
    chance = odds(PACKAGE, cron("30 0,12 * * * certbot renew"), Renewal(9, 0.05))
    assert chance.collision == pytest.approx(18 / 3600, rel=0.02)
    assert chance.write_race == pytest.approx(0.1 / 3600, rel=0.02)


def test_jobs_that_never_come_near_never_meet() -> None:
    chance = odds(PACKAGE, cron("25 6 * * * certbot renew"), Renewal(300, 1))
    assert (chance.collision, chance.write_race) == (0, 0)


def test_two_jobs_at_the_same_fixed_second_always_meet() -> None:
    job = cron("0 3 * * * certbot renew")
    assert odds(job, job, Renewal(5, 0.1)).collision == pytest.approx(1.0)


def test_whole_seconds_make_a_narrow_window_likelier_than_a_continuous_clock() -> None:
    whole = Schedule("", "", (Start(0, (3600,)),))
    smooth = Schedule("", "", (Start(0, (), (3600,)),))
    job, renewal = cron("30 0 * * * certbot renew"), Renewal(9, 0.05)
    assert odds(whole, job, renewal).write_race == pytest.approx(1 / 3600, rel=0.05)
    assert odds(smooth, job, renewal).write_race == pytest.approx(0.1 / 3600, rel=0.05)


def test_a_difference_of_many_draws_is_exact_where_terms_cancel() -> None:
    # 0.1 s in the middle of 12 h, a minute and twice a second: plainly 0.1 / 43200.
    difference = Difference(-20000.0, (1.0,), (43200.0, 60.0, 1.0, 1.0))
    assert difference.within(-0.05, 0.05) == pytest.approx(0.1 / 43200, rel=1e-9)


@given(
    st.lists(st.integers(1, 40), max_size=2),
    st.lists(st.floats(0.5, 50), max_size=3),
    st.floats(-60, 60),
)
def test_the_probability_of_all_is_one_and_parts_add_up(
    whole: list[int], smooth: list[float], middle: float
) -> None:
    weights = [1.0]
    for size in whole:
        weights = [
            sum(weights[k] for k in range(len(weights)) if 0 <= n - k < size) / size
            for n in range(len(weights) + size - 1)
        ]
    difference = Difference(-20.0, tuple(weights), tuple(smooth))
    far = 20.0 + sum(whole) + sum(smooth) + 1
    assert difference.within(-far, far) == pytest.approx(1.0)
    low, high = difference.within(-far, middle), difference.within(middle, far)
    if -far < middle < far:
        assert low + high == pytest.approx(1.0)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["0 0,12", "30 5", "0 12", "45 0,12", "15 11,23"]),
    st.sampled_from(["3600", "43200", "60"]),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_the_simulation_finds_what_the_closed_form_says(
    times: str, delay: str, lineages: int, seed: int
) -> None:
    package = timer(f"OnCalendar=*-*-* 00,12:00:00\nRandomizedDelaySec={delay}\n")
    job, renewal = cron(f"{times} * * * certbot renew"), Renewal(400, 90, 30, lineages)
    expected = odds(package, job, renewal)
    played = play(package, [(1.0, job)], renewal, trials=1500, seed=seed)
    # Five standard deviations: a wrong formula is further off, chance is not.
    for probability, seen in (
        (expected.collision, played.collision),
        (expected.write_race, played.write_race),
    ):
        spread = (max(probability, 1e-3) * (1 - min(probability, 1)) / 1500) ** 0.5
        assert abs(seen.value - probability) < 5 * spread + 0.01


def test_the_same_seed_plays_the_same() -> None:
    job = cron("0 0,12 * * * certbot renew")
    renewal = Renewal(600, 60, 5)
    first, again = (play(PACKAGE, [(1.0, job)], renewal, trials=300, seed=5) for _ in range(2))
    assert first == again
    assert play(PACKAGE, [(1.0, job)], renewal, trials=300, seed=6) != first


def test_upstreams_five_figures_are_reproduced_to_one_digit() -> None:
    by_name = {distribution.name: distribution for distribution in admins.load()}
    reproduction = figures.reproduce(by_name["same"], by_name["uniform"])
    assert len(reproduction.figures) == 5
    for figure in reproduction.figures:
        assert figure.reproduced, figure
        digits = [figures.one_digit(value) for value in (figure.upstream, figure.model)]
        assert digits[0] == digits[1] or figure.upstream < 1


def test_a_figure_that_is_off_is_not_called_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LENGTH_SECONDS", 4.0)
    by_name = {distribution.name: distribution for distribution in admins.load()}
    reproduction = figures.reproduce(by_name["same"], by_name["uniform"])
    assert [figure.reproduced for figure in reproduction.figures] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("value", "digit"), [(4800, 5000), (36_379, 40_000), (0.75, 0.8), (149, 100), (0.0034, 0.003)]
)
def test_numbers_are_rounded_to_one_digit(value: float, digit: float) -> None:
    assert figures.one_digit(value) == digit
