import pytest

from backport.errors import MachineError
from study.speed import other_rows, read, read_others, rows


def sample(pairs: float, seconds: float = 1.5) -> dict[str, float]:
    return {"pairs": 180, "write_races": 90, "pairs_an_hour": pairs,
            "processor_seconds_a_pair": seconds}  # fmt: skip


def data(times: float) -> dict[str, object]:
    rounds = [
        {"plain, one after the other": sample(1000.0 + extra),
         "plain, side by side": sample(2500.0),
         "warm, side by side": sample(times * 1000 + extra, 0.075)}
        for extra in (0.0, -500.0, 100.0)
    ]  # fmt: skip
    speed = {"lanes": 6, "rounds": rounds, "times, plain, one after the other": times,
             "times, plain, side by side": times / 2.5, "times, by processor": 20.0}  # fmt: skip
    return {"speed": speed}


@pytest.mark.parametrize(("times", "within"), [(20.0, True), (19.9, False)])
def test_races_are_within_the_limit_from_twenty_times_the_plain_pairs_on(
    times: float, within: bool
) -> None:
    assert rows(read(data(times), 2))[0].within is within


def test_the_medians_of_the_samples_are_told_with_what_the_cores_give() -> None:
    measured = [row.measured for row in rows(read(data(50.0), 2))]
    assert measured == [
        "50,000 against 1,000: 50.0 times",
        "50,000 against 2,500: 20.0 times",
        "1.50 against 0.075: 20.0 times",
        "6.94; of them write races 50%",
    ]


@pytest.mark.parametrize("empty", [{}, {"speed": {"lanes": 6, "rounds": []}}, None])
def test_a_measurement_without_samples_is_no_answer(empty: object) -> None:
    with pytest.raises(MachineError, match="no usable answer"):
        read(empty, 2)


def test_trials_and_interleavings_are_told_by_the_second_and_core() -> None:
    orders = {"pairs": [{"runs": 90, "seconds": 2.0}, {"runs": 30, "seconds": 1.0}]}
    lines = other_rows(read_others({"trials_an_hour": 7200.0}, orders, 2))
    assert [row.measured for row in lines] == ["1.00", "20.0"]


@pytest.mark.parametrize("orders", [{"pairs": []}, {}, None])
def test_no_interleaving_is_no_answer(orders: object) -> None:
    with pytest.raises(MachineError, match="no usable answer"):
        read_others({"trials_an_hour": 7200.0}, orders, 2)
