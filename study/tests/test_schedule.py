from pathlib import Path

import pytest

from backport.errors import InputError
from study.schedule import Start, cron, cron_file, time_span, timer

PACKAGING = Path(__file__).parents[2] / "patches" / "python-certbot" / "debian"


def test_the_packages_own_cron_file_sleeps_up_to_an_hour_twice_a_day() -> None:
    schedule = cron_file((PACKAGING / "certbot.cron.d").read_text())
    assert [start.second % 43200 for start in schedule.starts] == [0, 0]
    assert schedule.without_systemd_only


def test_a_line_as_debian_wrote_it_is_read() -> None:
    line = (
        r"0 */12 * * * root test -x /usr/bin/certbot -a \! -d /run/systemd/system "
        r"&& perl -e 'sleep int(rand(3600))' && certbot -q renew"
    )
    schedule = cron(line, user_field=True)
    assert schedule.starts == (Start(0, (3600,)), Start(43200, (3600,)))
    assert schedule.without_systemd_only


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        ("30 2 * * * certbot renew", (Start(9000),)),
        ("@daily certbot renew", (Start(0),)),
        ("0 3,15 * * * sleep 90; certbot renew", (Start(10890), Start(54090))),
        ("5 1-5/2 * * * sleep $((RANDOM % 600)) && certbot renew",
         tuple(Start(h * 3600 + 300, (600,)) for h in (1, 3, 5))),
        # What is slept after the renewal does not matter.
        ("0 4 * * * certbot renew; sleep 50", (Start(14400),)),
    ],
)  # fmt: skip
def test_a_crontab_line_is_read(line: str, starts: tuple[Start, ...]) -> None:
    assert cron(line).starts == starts


@pytest.mark.parametrize(
    "line",
    ["", "0 3 * *", "61 3 * * * x", "0 24 * * * x", "0 3 * * 1 x", "0 9-5 * * * x", "a b * * * x",
     "@weekly x", "0 */0 * * * x"],
)  # fmt: skip
def test_what_is_no_daily_line_is_refused_in_one_sentence(line: str) -> None:
    with pytest.raises(InputError, match="cannot read the crontab line"):
        cron(line)


def test_a_cron_file_with_two_jobs_is_refused() -> None:
    with pytest.raises(InputError, match="2 jobs"):
        cron_file("PATH=/bin\n0 1 * * * root a\n0 2 * * * root b\n")


def test_a_timer_is_spread_by_its_delay_and_its_accuracy() -> None:
    text = "[Timer]\nOnCalendar=*-*-* 00,12:00:00\nRandomizedDelaySec=1h\n"
    assert timer(text).starts == (Start(0, (), (3600, 60)), Start(43200, (), (3600, 60)))
    assert timer(text + "AccuracySec=1us\n").starts[0].smooth == (3600, 1e-6)
    assert timer("OnCalendar=daily\nOnCalendar=\nOnCalendar=*-*-* 6,18:30\n").starts == (
        Start(23400, (), (60,)),
        Start(66600, (), (60,)),
    )


@pytest.mark.parametrize("text", ["", "OnBootSec=5min", "OnCalendar=Mon *-*-* 00:00:00",
                                  "OnCalendar=*-*-* 25:00:00"])  # fmt: skip
def test_a_timer_that_the_model_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        timer(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3600", 3600), ("1h 30min", 5400), ("500ms", 0.5), ("2d", 172800)]
)
def test_a_time_span_is_read(text: str, seconds: float) -> None:
    assert time_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "-1"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no time span"):
        time_span(text)
