"""The table of concurrency: what a row holds, and what counts as harm or as documented."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.autopkgtest.support import library, race, result

table = library("concurrent_table")
harm = library("harm")
renewals = library("renewals")
newer = library("newer_certbot")

TAKEN = newer.REFUSES + "."


def test_a_row_counts_who_failed_who_spoke_and_who_was_refused() -> None:
    seen = race(results=[result(), result(1, TAKEN), result(1, "no such file")])
    row = table.row("certbot 0.14.2", seen, renewals.judge(seen))
    assert (row["processes"], row["failed"], row["spoke"], row["refused"]) == (3, 2, 2, 1)
    assert row["case"] == "due-webroot-own"
    assert len(row["findings"]) == 4
    assert table.line(row).startswith("certbot 0.14.2")


@pytest.mark.parametrize(
    ("results", "changes", "expected"),
    [
        ([result(), result(1, TAKEN)], {}, True),
        ([result(), result()], {}, True),
        ([result(), result(1, "PluginError('Unable to lock %s', '/etc/apache2')")], {}, True),
        ([result(1, TAKEN), result(1, TAKEN)], {}, False),
        ([result(), result(1, "File exists")], {}, False),
        ([result(), result(2, TAKEN)], {}, False),
        ([result()], {"lineage": [renewals.Finding("pair", "No pair.")]}, False),
    ],
)
def test_the_later_certbot_renews_once_and_refuses_the_others(
    results: list[Any], changes: dict[str, Any], expected: bool
) -> None:
    assert table.newer_is_as_documented(race(results=results, **changes)) is expected


def test_every_case_is_in_the_table_with_two_five_and_twenty_processes() -> None:
    kinds = {(case.reason, case.authenticator) for case in table.CASES}
    authenticators = ("webroot", "standalone", "apache", "nginx")
    assert kinds == {
        (reason, authenticator) for reason in ("due", "forced") for authenticator in authenticators
    }
    assert table.COUNTS == (2, 5, 20)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "urn:acme:error:unauthorized :: No right answer to the challenge. Skipping.",
            "challenge-gone",
        ),
        ("produced an unexpected error: Unable to revert temporary config", "recovery"),
        ("Could not be found to be deleted /etc/x.conf - LE probably shut down", "recovery"),
        ("Error while running apache2ctl configtest.", "server"),
        ("nginx restart failed:\nnginx: [emerg] open() failed", "server"),
    ],
)
def test_what_processes_do_to_each_other_at_one_web_server_is_harm(text: str, kind: str) -> None:
    assert kind in harm.classify_text(text)[0]


def test_a_server_that_is_not_installed_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = library("tls_servers")
    apache = servers.make("apache", str(tmp_path), "a.example.org", 1)
    apache.system = str(tmp_path / "none")
    with pytest.raises(servers.ServerError, match="Apache is not installed"):
        apache.start()
    (tmp_path / "openssl").symlink_to(str(shutil.which("openssl")))
    monkeypatch.setenv("PATH", str(tmp_path))
    base = tmp_path / "nginx"
    base.mkdir()
    with pytest.raises(servers.ServerError, match="nginx cannot be run"):
        servers.make("nginx", str(base), "a.example.org", 1).start()
