"""Read the autopkgtest service's results of an upload into the work folder.

Each result becomes a folder ``ppa-test/SERIES/SOURCE@ARCH`` like that of any other step; the file
``ppa-test/summary.json`` has all requests, verdicts and controls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backport import atomic, transport
from backport.engine import verdict as verdicts
from backport.errors import RemoteError
from backport.launchpad.autopkgtest import service
from backport.launchpad.autopkgtest import verdicts as kept
from backport.launchpad.autopkgtest.service import RunAnswer, Request
from backport.transport import Limits, UnansweredError
from backport.engine.step import StepId, hash_text
from backport.engine.store import Outcome, Result, Store
from backport.engine.verdict import Broken, Failed, Skipped, Verdict

FOLDER = kept.FOLDER
_FAILED = 4


@dataclass(frozen=True)
class ServiceResult:
    """A result of a request: its address, what it says, and the files as they came."""

    url: str
    stamp: str
    answer: RunAnswer | None
    trouble: str
    files: dict[str, bytes]

    @property
    def trigger(self) -> str:
        """What the service was told that the test is for."""
        return " ".join(self.answer.triggers) if self.answer is not None else ""

    @property
    def log(self) -> str:
        """The log's address; "" where the service has none."""
        return f"{self.url}/log.gz" if "log.gz" in self.files else ""


@dataclass(frozen=True)
class RequestResult:
    """How a request stands.

    `url` is the result's address and `log` that of its log, `trigger` what the service was told
    that the test is for; `tests` are the verdicts of its tests.
    """

    request: Request
    verdict: Verdict
    url: str = ""
    tests: tuple[tuple[str, Verdict], ...] = ()
    trigger: str = ""
    log: str = ""


@dataclass(frozen=True)
class AskedControl:
    """A control that the recipe asks for.

    The test, and the name under which the package ships it; the recipe's name of the control, and
    the variant whose packages it runs on.
    """

    test: str
    shipped: str
    control: str
    variant: str


@dataclass(frozen=True)
class ControlResult:
    """The control of one test of a source package, in one series and architecture.

    `asked` names the test and the control of the recipe that it stands for.
    """

    source: str
    series: str
    arch: str
    asked: AskedControl
    verdict: Verdict
    version: str = ""
    url: str = ""
    trigger: str = ""
    log: str = ""

    @property
    def test(self) -> str:
        """The test of the recipe that is controlled."""
        return self.asked.test


@dataclass
class Reader:
    """Reads results from a root, each list once."""

    root: str
    limits: Limits
    sleep: Callable[[float], None] = time.sleep
    _lists: dict[str, str] = field(default_factory=dict)

    def newest(self, request: Request) -> ServiceResult | None:
        """The newest result of the request's very version; None if there is none yet.

        A newer result that is damaged counts: an older one would hide it.

        Raises:
            RemoteError: the server is broken or cannot be reached.
        """
        base = service.container(self.root, request.series, request.ppa)
        if base not in self._lists:
            listing = self._fetch(f"{base}/?format=plain")
            self._lists[base] = (listing or b"").decode("utf-8", "replace")
        for run in service.runs(self._lists[base]):
            if not service.fits(run, request):
                continue
            found = self._read(f"{base}/{run.path}", run.stamp)
            if found.answer is None or service.is_of(found.answer, request):
                return found
        return None

    def _fetch(self, url: str) -> bytes | None:
        """A file; None if the server does not have it."""
        try:
            return transport.content(url, self.limits, self.sleep)
        except UnansweredError as error:
            if error.status == 404:
                return None
            raise RemoteError(
                f"this cannot be read, since the server {error.what}",
                where=url,
                advice="try again later" if error.passing else "",
            ) from error

    def _read(self, url: str, stamp: str) -> ServiceResult:
        files = {}
        for name in ("result.tar", "log.gz"):
            content = self._fetch(f"{url}/{name}")
            if content is not None:
                files[name] = content
        try:
            if "result.tar" not in files:
                raise service.DamagedError("result.tar is missing")
            answer = service.read_answer(files["result.tar"], files.get("log.gz"))
        except service.DamagedError as error:
            return ServiceResult(url, stamp, None, str(error), files)
        return ServiceResult(url, stamp, answer, "", files)


def read(reader: Reader, request: Request, wanted: Sequence[str], store: Store) -> RequestResult:
    """How a request stands; a result is kept in the work folder.

    Parameters:
        wanted: the tests that the source package has.
    """
    found = reader.newest(request)
    if found is None:
        return RequestResult(request, Skipped(f"no result yet; request it: {request.url}"))
    if found.answer is None:
        made: Verdict = Broken(f"the service's result is damaged: {found.trouble}")
    else:
        made = found.answer.verdict(wanted)
    tests = tuple(_each(made, found.answer, wanted).items())
    tested = RequestResult(request, made, found.url, tests, found.trigger, found.log)
    _keep(store, StepId(FOLDER, request.series, request.name), found, made)
    return tested


def _each(whole: Verdict, answer: RunAnswer | None, wanted: Sequence[str]) -> dict[str, Verdict]:
    """The verdict of every test; where the whole is Broken no test of it has passed."""
    said = {one.name: one.verdict for one in answer.tests} if answer is not None else {}
    found: dict[str, Verdict] = {}
    for name in dict.fromkeys((*wanted, *said)):
        one = said.get(name, whole)
        found[name] = whole if isinstance(whole, Broken) and not isinstance(one, Failed) else one
    return found


def control(
    reader: Reader, request: Request, asked: Sequence[AskedControl], update: str, store: Store
) -> tuple[ControlResult, ...]:
    """The controls of tests, from a throw-away PPA with the packages of one variant.

    Parameters:
        request: as for the update, but for the variant's version and the throw-away PPA.
        asked: controls on the same variant.
        update: the version that the update itself will have.
    """
    variant = asked[0].variant

    def each(
        made: Callable[[str], Verdict], found: ServiceResult | None = None
    ) -> tuple[ControlResult, ...]:
        where = (request.source, request.series, request.arch)
        told = (found.url, found.trigger, found.log) if found else ("", "", "")
        return tuple(
            ControlResult(*where, one, made(one.shipped), request.version, *told) for one in asked
        )

    if not kept.is_variant_of(request.version, update, variant):
        text = (
            f"control not run: {request.ppa} has {request.version}, which is not {variant} of "
            f"{update}"
        )
        return each(lambda _: Skipped(text))
    found = reader.newest(request)
    if found is None:
        return each(lambda _: Skipped(f"control not run: no result yet; request it: {request.url}"))
    answer = found.answer
    if answer is None:
        return each(lambda _: Broken(f"the service's result is damaged: {found.trouble}"), found)
    made = each(lambda test: service.control_verdict(test, answer), found)
    broken = [one.verdict for one in made if isinstance(one.verdict, Broken)]
    whole = broken[0] if broken else made[0].verdict
    _keep(store, StepId(FOLDER, request.series, request.name, variant), found, whole)
    return made


def not_run(request: Request, asked: AskedControl, reason: str) -> ControlResult:
    """A control that did not run, and why."""
    return ControlResult(
        request.source, request.series, request.arch, asked, Skipped(f"control not run: {reason}")
    )


def _keep(store: Store, step: StepId, found: ServiceResult, made: Verdict) -> Result:
    started = time.time()
    scratch = store.scratch(step)
    for file, content in found.files.items():
        (scratch / file).write_bytes(content)
    about = {"url": found.url, "stamp": found.stamp, "trouble": found.trouble}
    if found.answer is not None:
        about["version"] = found.answer.version
        about["triggers"] = found.trigger
    (scratch / "result.json").write_text(json.dumps(about, indent=1) + "\n")
    outcome = Outcome(made, (*sorted(found.files), "result.json"), code(made))
    return store.commit(step, hash_text(found.url), outcome, scratch, started)


def code(made: Verdict) -> int:
    """The exit code of a verdict: 4 for what failed or could not tell, else 0."""
    return _FAILED if isinstance(made, (Failed, Broken)) else 0


def summary_json(
    ppa: str,
    control_ppa: str,
    root: str,
    tested: Iterable[RequestResult],
    controls: Iterable[ControlResult],
) -> dict[str, Any]:
    """All of it as JSON data.

    Parameters:
        root: the service root of the Launchpad that has the PPAs.
    """
    return {
        "format": kept.FORMAT,
        "ppa": ppa,
        "control_ppa": control_ppa,
        "launchpad": root,
        "tests": [
            {
                "source": one.request.source,
                "series": one.request.series,
                "arch": one.request.arch,
                "version": one.request.version,
                "request": one.request.url,
                "result": one.url,
                "log_address": one.log,
                "trigger": one.trigger,
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
                "test": one.asked.test,
                "control": one.asked.control,
                "variant": one.asked.variant,
                "version": one.version,
                "result": one.url,
                "log_address": one.log,
                "trigger": one.trigger,
                **verdicts.to_json(one.verdict),
            }
            for one in controls
        ],
    }


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of this call, with what earlier ones read of other series and architectures.

    A result that was read once stays, also when its throw-away PPA is gone, until there is one of
    a newer version. Of another PPA nothing stays.
    """
    if any(old.get(key) != new[key] for key in ("format", "ppa", "launchpad")):
        return dict(new)
    versions = {(row["source"], row["series"]): row["version"] for row in new["tests"]}
    found: dict[str, Any] = {**new, "control_ppa": new["control_ppa"] or old["control_ppa"]}
    cell = ("source", "series", "arch")
    keys: dict[str, tuple[str, ...]] = {
        "tests": cell,
        "controls": (*cell, "test", "control", "variant"),
    }
    gone = {
        (row["source"], row["series"])
        for row in old["tests"]
        if versions.get((row["source"], row["series"]), row["version"]) != row["version"]
    }
    for part, names in keys.items():
        rows = {tuple(row[name] for name in names): row for row in old[part]}
        rows = {key: row for key, row in rows.items() if key[:2] not in gone}
        for row in new[part]:
            key = tuple(row[name] for name in names)
            if row["result"] or not rows.get(key, {}).get("result"):
                rows[key] = row
        found[part] = list(rows.values())
    return found


def write_summary(store: Store, data: Mapping[str, Any]) -> Path:
    """Keep the summary, by one rename."""
    return atomic.write(store.work / kept.SUMMARY, json.dumps(data, indent=1) + "\n")
