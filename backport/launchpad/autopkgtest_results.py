"""Read the autopkgtest service's results of an upload into the work folder.

Each result becomes a folder ``ppa-test/SERIES/SOURCE@ARCH`` like that of any other step; the file
``ppa-test/summary.json`` has all requests, verdicts and controls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backport import verdict as verdicts
from backport.launchpad import autopkgtest_service as service
from backport.launchpad import web_file
from backport.launchpad.autopkgtest_service import Answer, Request
from backport.launchpad.patience import Patience
from backport.step import hash_text
from backport.store import Outcome, Result, Store
from backport.verdict import Broken, Failed, Skipped, Verdict

FOLDER = "ppa-test"
SUMMARY = "summary.json"
_FORMAT = 1
_FAILED = 4


@dataclass(frozen=True)
class Found:
    """A result of a request: its address, what it says, and the files as they came."""

    url: str
    stamp: str
    answer: Answer | None
    trouble: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class Tested:
    """How a request stands; `tests` are the verdicts of its tests, `url` the result's address."""

    request: Request
    verdict: Verdict
    url: str = ""
    tests: tuple[tuple[str, Verdict], ...] = ()


@dataclass(frozen=True)
class Controlled:
    """The control of one test of a source package, in one series and architecture."""

    source: str
    series: str
    arch: str
    test: str
    verdict: Verdict
    version: str = ""
    url: str = ""


@dataclass
class Reader:
    """Reads results from a root, each list once."""

    root: str
    patience: Patience
    sleep: Callable[[float], None] = time.sleep
    _lists: dict[str, str] = field(default_factory=dict)

    def newest(self, request: Request) -> Found | None:
        """The newest result of the request's very version; None if there is none yet.

        A newer result that is damaged counts: an older one would hide it.

        Raises:
            RemoteError: the server is broken or cannot be reached.
        """
        base = service.container(self.root, request.series, request.ppa)
        if base not in self._lists:
            listing = web_file.fetch(f"{base}/?format=plain", self.patience, self.sleep)
            self._lists[base] = (listing or b"").decode("utf-8", "replace")
        for run in service.runs(self._lists[base]):
            if not service.fits(run, request):
                continue
            found = self._read(f"{base}/{run.path}", run.stamp)
            if found.answer is None or service.is_of(found.answer, request):
                return found
        return None

    def _read(self, url: str, stamp: str) -> Found:
        files = {}
        for name in ("result.tar", "log.gz"):
            content = web_file.fetch(f"{url}/{name}", self.patience, self.sleep)
            if content is not None:
                files[name] = content
        try:
            if "result.tar" not in files:
                raise service.DamagedError("result.tar is missing")
            answer = service.read_answer(files["result.tar"], files.get("log.gz"))
        except service.DamagedError as error:
            return Found(url, stamp, None, str(error), files)
        return Found(url, stamp, answer, "", files)


def read(reader: Reader, request: Request, wanted: Sequence[str], store: Store) -> Tested:
    """How a request stands; a result is kept in the work folder.

    Parameters:
        wanted: the tests that the source package has.
    """
    found = reader.newest(request)
    if found is None:
        return Tested(request, Skipped(f"no result yet; request it: {request.url}"))
    if found.answer is None:
        made: Verdict = Broken(f"the service's result is damaged: {found.trouble}")
        tests: tuple[tuple[str, Verdict], ...] = ()
    else:
        made = found.answer.verdict(wanted)
        tests = tuple((one.name, one.verdict) for one in found.answer.tests)
    tested = Tested(request, made, found.url, tests)
    _keep(store, f"{FOLDER}/{request.series}/{request.name}", found, made)
    return tested


def control(
    reader: Reader, request: Request, tests: Sequence[str], variant: str, store: Store
) -> tuple[Controlled, ...]:
    """The controls of tests, from a throw-away PPA with the packages of a variant.

    Parameters:
        request: as for the update, but for the variant's version and the throw-away PPA.
    """

    def each(made: Callable[[str], Verdict], url: str = "") -> tuple[Controlled, ...]:
        where = (request.source, request.series, request.arch)
        return tuple(Controlled(*where, test, made(test), request.version, url) for test in tests)

    if f"~{variant}" not in request.version:
        text = f"control not run: {request.ppa} has {request.version}, which is not {variant}"
        return each(lambda _: Skipped(text))
    found = reader.newest(request)
    if found is None:
        return each(lambda _: Skipped(f"control not run: no result yet; request it: {request.url}"))
    answer = found.answer
    if answer is None:
        return each(lambda _: Broken(f"the service's result is damaged: {found.trouble}"))
    made = each(lambda test: service.control_verdict(test, answer), found.url)
    broken = [one.verdict for one in made if isinstance(one.verdict, Broken)]
    whole = broken[0] if broken else made[0].verdict
    _keep(store, f"{FOLDER}/{request.series}/{request.name}+{variant}", found, whole)
    return made


def not_run(request: Request, test: str, reason: str) -> Controlled:
    """A control that did not run, and why."""
    return Controlled(
        request.source, request.series, request.arch, test, Skipped(f"control not run: {reason}")
    )


def _keep(store: Store, name: str, found: Found, made: Verdict) -> Result:
    started = time.time()
    scratch = store.scratch(name)
    for file, content in found.files.items():
        (scratch / file).write_bytes(content)
    about = {"url": found.url, "stamp": found.stamp, "trouble": found.trouble}
    if found.answer is not None:
        about["version"] = found.answer.version
        about["triggers"] = " ".join(found.answer.triggers)
    (scratch / "result.json").write_text(json.dumps(about, indent=1) + "\n")
    outcome = Outcome(made, (*sorted(found.files), "result.json"), code(made))
    return store.commit(name, hash_text(found.url), outcome, scratch, started)


def code(made: Verdict) -> int:
    """The exit code of a verdict: 4 for what failed or could not tell, else 0."""
    return _FAILED if isinstance(made, (Failed, Broken)) else 0


def summary_json(
    ppa: str, control_ppa: str, tested: Iterable[Tested], controls: Iterable[Controlled]
) -> dict[str, object]:
    """All of it as JSON data."""
    return {
        "format": _FORMAT,
        "ppa": ppa,
        "control_ppa": control_ppa,
        "tests": [
            {
                "source": one.request.source,
                "series": one.request.series,
                "arch": one.request.arch,
                "version": one.request.version,
                "request": one.request.url,
                "result": one.url,
                **verdicts.to_json(one.verdict),
                "each": {name: verdicts.to_json(made) for name, made in one.tests},
            }
            for one in tested
        ],
        "controls": [
            {
                "source": one.source,
                "series": one.series,
                "arch": one.arch,
                "test": one.test,
                "version": one.version,
                "result": one.url,
                **verdicts.to_json(one.verdict),
            }
            for one in controls
        ],
    }


def write_summary(store: Store, data: dict[str, object]) -> Path:
    """Keep the summary, by one rename."""
    path = store.work / FOLDER / SUMMARY
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{SUMMARY}.new")
    temporary.write_text(json.dumps(data, indent=1) + "\n")
    temporary.replace(path)
    return path
