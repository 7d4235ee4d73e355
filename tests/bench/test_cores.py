from __future__ import annotations

from tests.bench import cores

BEFORE = """\
cpu  20 0 20 160 0 0 0 0 0 0
cpu0 10 0 10 70 10 0 0 0 5 0
cpu1 10 0 10 80 0 0 0 0 0 0
intr 1
"""
AFTER = """\
cpu  20 0 20 160 0 0 0 0 0 0
cpu0 50 5 20 75 15 5 5 5 5 0
cpu1 10 0 10 180 0 0 0 0 0 0
intr 1
"""


def test_the_idle_share_counts_waiting_for_a_disk_and_not_what_guests_do_twice() -> None:
    shares = cores.idle_shares(cores.read(BEFORE), cores.read(AFTER))

    assert shares == [10 / 80, 1.0]


def test_the_kernel_tells_of_each_core() -> None:
    before = cores.read()
    assert all(0 <= share <= 1 for share in cores.idle_shares(before, cores.read()))
