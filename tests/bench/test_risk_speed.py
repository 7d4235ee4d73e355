import pytest

from backport.errors import MachineError
from tests.bench.risk_speed import other_rows, read, read_others, rows


def data(warm: float, plain: float) -> dict[str, object]:
    pair = {"raced": True}
    one = {"sleep": "shortened to 5 %", "pairs_an_hour": warm, "pairs": [pair], "aimed": [pair],
           "processor_seconds_a_pair": 0.25}  # fmt: skip
    return {"measurements": [one], "plain_pairs_an_hour": plain}


@pytest.mark.parametrize(("plain", "within"), [(900.0, True), (1001.0, False)])
def test_races_are_within_the_limit_from_twenty_times_the_plain_pairs_on(
    plain: float, within: bool
) -> None:
    assert rows(read(data(20_000.0, plain), 2))[0].within is within


def test_a_measurement_without_pairs_is_no_answer() -> None:
    with pytest.raises(MachineError, match="no usable answer"):
        read({"measurements": []}, 2)


def test_trials_and_interleavings_are_told_by_the_second_and_core() -> None:
    orders = {"pairs": [{"runs": 90, "seconds": 2.0}, {"runs": 30, "seconds": 1.0}]}
    found = other_rows(read_others({"trials_an_hour": 7200.0}, orders, 2))
    assert [row.measured for row in found] == ["1.00", "20.0"]


@pytest.mark.parametrize("orders", [{"pairs": []}, {}, None])
def test_no_interleaving_is_no_answer(orders: object) -> None:
    with pytest.raises(MachineError, match="no usable answer"):
        read_others({"trials_an_hour": 7200.0}, orders, 2)
