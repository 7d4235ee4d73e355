"""Ubuntu's autopkgtest service: the addresses that request tests, and how a result is read.

Sources: Ubuntu's documentation (contributors: run package tests; the page of a PPA's results) for
the request's parameters and the page of results; britney2's reader of results for what a
``result.tar`` holds (``exitcode``, ``testpkg-version``, ``testinfo.json``). Not confirmed for
series that have ended: whether the service still tests them, and on which architectures.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from backport.engine.verdict import Broken, Failed, Passed, Verdict, kind, text
from backport.launchpad.archive.publication import PpaName
from backport.source.members import MOST_OF_ONE, members
from backport.testbed.result import OneTest, read_summary

REQUESTS = "https://autopkgtest.ubuntu.com/request.cgi"
RESULTS = "https://autopkgtest.ubuntu.com/results"
# A log's lines may begin with the seconds since its start, as in " 12s ".
_SUMMARY = re.compile(r"(?m)^(?:\s*\d+s )?(?:autopkgtest \[[0-9:]+\]: )?@+ summary\s*$")
_SECONDS = re.compile(r"(?m)^\s*\d+s ")


@dataclass(frozen=True)
class Request:
    """One request: the tests of a source package's version in a PPA, on one architecture."""

    source: str
    series: str
    arch: str
    version: str
    ppa: PpaName

    @property
    def url(self) -> str:
        """The address to open in a browser that is logged in to Launchpad."""
        values = {
            "release": self.series,
            "arch": self.arch,
            "package": self.source,
            "ppa": f"{self.ppa.owner}/{self.ppa.name}",
            "trigger": f"{self.source}/{self.version}",
        }
        return f"{REQUESTS}?{urlencode(values, safe='/~', quote_via=quote)}"

    @property
    def cell(self) -> tuple[str, str, str]:
        """Source package, series and architecture."""
        return self.source, self.series, self.arch

    @property
    def name(self) -> str:
        """The request in the names of folders: source package and architecture."""
        return f"{self.source}@{self.arch}"


@dataclass(frozen=True)
class RunAnswer:
    """What a run came to.

    Parameters:
        version: of the source package that was tested.
        triggers: what the service was told that the test is for.
        exit_code: autopkgtest's.
    """

    version: str
    triggers: tuple[str, ...]
    exit_code: int
    tests: tuple[OneTest, ...]


class DamagedError(ValueError):
    """A result is not what it has to be; the text says how."""


def runs(listing: str, request: Request) -> list[str]:
    """The paths of a request's runs in a list of results, one path a line, the newest first."""
    form = re.compile(
        rf"({request.series}/{request.arch}/[a-z0-9]+/{re.escape(request.source)}/"
        r"([0-9]{8}_[0-9]{6}[a-z0-9_]*@))(/.*)?"
    )
    stamps = {match[1]: match[2] for match in map(form.fullmatch, listing.split()) if match}
    return sorted(stamps, key=stamps.__getitem__, reverse=True)


def read_answer(result_tar: bytes, log_gz: bytes | None) -> RunAnswer:
    """A result, from its ``result.tar`` and its log.

    Raises:
        DamagedError: a part is missing or is not what it has to be.
    """
    parts = _members(result_tar)
    try:
        exit_code = int(parts["exitcode"])
        _, _, version = parts["testpkg-version"].decode().strip().partition(" ")
        info = json.loads(parts.get("testinfo.json", b"{}"))
        environment = info.get("custom_environment", [])
        words = [one.partition("=") for one in environment]
        triggers = [value for key, _, value in words if key == "ADT_TEST_TRIGGERS"]
    except KeyError as error:
        raise DamagedError(f"result.tar has no {error.args[0]}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedError("what result.tar says cannot be understood") from error
    summary = parts["summary"].decode("utf-8", "replace") if "summary" in parts else ""
    if not summary and log_gz is not None:
        log = _unzipped(log_gz)
        ends = [match.end() for match in _SUMMARY.finditer(log)]
        summary = _SECONDS.sub("", log[ends[-1] :]) if ends else ""
    return RunAnswer(version, tuple(" ".join(triggers).split()), exit_code, read_summary(summary))


def _members(content: bytes) -> dict[str, bytes]:
    try:
        return {
            member.name: member.content()
            for member in members(content)
            if member.info.isfile() and member.info.size <= MOST_OF_ONE and "/" not in member.name
        }
    except (ValueError, OSError) as error:
        raise DamagedError("result.tar is damaged or ends early") from error


def _unzipped(content: bytes) -> str:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            return stream.read(MOST_OF_ONE).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedError("log.gz is damaged or ends early") from error


def control_verdict(test: str, answer: RunAnswer) -> Verdict:
    """The control: the test has to fail on packages without the patch.

    Only the test's own failure counts: packages that cannot be installed, a time limit or a
    broken testbed say nothing about the harm.
    """
    seen = {one.name: one.verdict for one in answer.tests}.get(test)
    match seen:
        case Failed("test" | "stderr", detail):
            return Passed(f"it sees the harm on the unpatched packages: {detail}")
        case Passed():
            return Broken(f"the control does not see the harm: {test} passes without the patch")
        case None:
            return Broken(f"the control gave no answer for {test}")
    return Broken(f"the control of {test} gave no answer ({kind(seen)}: {text(seen)})")
