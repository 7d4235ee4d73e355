from __future__ import annotations

import pytest

from backport.source.dep3 import faults, read

WHOLE = """\
Description: wait for the lock
 Two renewals at once do harm.
Author: A Tester <tester@example.org>
Bug-Ubuntu: https://bugs.launchpad.net/bugs/1640978
Last-Update: 2026-11-23
"""
FROM_GIT = """\
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: A Tester <tester@example.org>
Date: Mon, 23 Nov 2026 12:00:00 +0000
Subject: [PATCH] Wait for the lock

Two renewals at once do harm (LP: #1640978).
---
 certbot/main.py | 2 +-
"""


@pytest.mark.parametrize(
    ("text", "bug"),
    [
        (WHOLE, "https://bugs.launchpad.net/bugs/1640978"),
        (FROM_GIT, "LP: #1640978"),
        # Fields may follow the message.
        ("Subject: x\nFrom: A <a@example.org>\n\nMore words.\n\nBug-Ubuntu: LP 1\n", "LP 1"),
        # An origin stands for an author.
        ("Description: x\nOrigin: upstream\nBug-Ubuntu: launchpad.net/1\n", "launchpad.net/1"),
    ],
)
def test_a_whole_header_has_no_fault(text: str, bug: str) -> None:
    header = read(text)
    assert (faults(header), header.bug) == ((), bug)


def test_the_description_and_the_author_are_read_in_either_form() -> None:
    assert read(WHOLE).description == "wait for the lock\nTwo renewals at once do harm."
    header = read(FROM_GIT)
    assert header.description == "[PATCH] Wait for the lock"
    assert header.author == "A Tester <tester@example.org>"


@pytest.mark.parametrize(
    ("gone", "fault"),
    [
        ("Description", "has no Description or Subject"),
        ("Author", "has no Author, From or Origin"),
        ("Bug-Ubuntu", "refers to no Launchpad bug (Bug-Ubuntu or LP: #N)"),
    ],
)
def test_each_missing_field_is_a_fault(gone: str, fault: str) -> None:
    kept = [line for line in WHOLE.splitlines() if not line.startswith((gone, " "))]
    assert faults(read("\n".join(kept))) == (fault,)


def test_a_date_of_another_form_is_a_fault() -> None:
    text = WHOLE.replace("2026-11-23", "23 Nov 2026")
    assert faults(read(text)) == ("has a Last-Update that is no date: '23 Nov 2026'",)
