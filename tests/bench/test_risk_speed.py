import pytest

from backport.errors import MachineError
from tests.bench.risk_speed import read, rows


def data(warm: float, plain: float) -> dict[str, object]:
    pair = {"raced": True}
    one = {"sleep": "shortened to 5 %", "pairs_an_hour": warm, "pairs": [pair], "aimed": [pair]}
    return {"measurements": [one], "plain_pairs_an_hour": plain}


@pytest.mark.parametrize(("plain", "within"), [(900.0, True), (1001.0, False)])
def test_races_are_within_the_limit_from_twenty_times_the_plain_pairs_on(
    plain: float, within: bool
) -> None:
    assert rows(read(data(20_000.0, plain), 2))[0].within is within


def test_a_measurement_without_pairs_is_no_answer() -> None:
    with pytest.raises(MachineError, match="no usable answer"):
        read({"measurements": []}, 2)
