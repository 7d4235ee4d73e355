"""Read the autopkgtest service's results of an upload into the work folder.

Each result becomes a folder ``ppa-test/SERIES/SOURCE@ARCH`` like that of any other step; the file
``ppa-test/summary.json`` has all requests, verdicts and controls.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from backport import transport
from backport.engine.step import StepId, hash_text
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Broken, Failed, Skipped, Verdict
from backport.errors import RemoteError, StepError
from backport.launchpad.autopkgtest import service
from backport.launchpad.autopkgtest.service import Request, RunAnswer
from backport.launchpad.autopkgtest.verdicts import FOLDER, ServiceRun, is_variant_of
from backport.testbed.result import judge
from backport.transport import Limits, UnansweredError


@dataclass(frozen=True)
class ServiceResult:
    """A result: its address, the files as they came, and what it says, or why it says nothing."""

    url: str
    files: Mapping[str, bytes]
    answer: RunAnswer | Broken

    def of(self, run: ServiceRun, made: Verdict) -> ServiceRun:
        """The run with its verdict, and where that comes from."""
        log = f"{self.url}/log.gz" if "log.gz" in self.files else ""
        trigger = "" if isinstance(self.answer, Broken) else " ".join(self.answer.triggers)
        return replace(run, verdict=made, result=self.url, log_address=log, trigger=trigger)


@dataclass
class Reader:
    """Reads results from a root, each list once."""

    root: str
    limits: Limits
    _lists: dict[str, str] = field(default_factory=dict)

    def newest(self, request: Request) -> ServiceResult | None:
        """The newest result of the request's very version; None if there is none yet.

        A newer result that is damaged counts: an older one would hide it.

        Raises:
            RemoteError: the server is broken or cannot be reached.
        """
        ppa = f"{request.ppa.owner}-{request.ppa.name}"
        base = f"{self.root.rstrip('/')}/autopkgtest-{request.series}-{ppa}"
        if base not in self._lists:
            listing = self._fetch(f"{base}/?format=plain")
            self._lists[base] = (listing or b"").decode("utf-8", "replace")
        for path in service.runs(self._lists[base], request):
            result = self._read(f"{base}/{path}")
            if isinstance(result.answer, Broken) or result.answer.version == request.version:
                return result
        return None

    def _fetch(self, url: str) -> bytes | None:
        """A file; None if the server does not have it."""
        try:
            return transport.content(url, self.limits)
        except UnansweredError as error:
            if error.status == 404:
                return None
            raise RemoteError(
                f"this cannot be read, since the server {error.what}",
                where=url,
                advice="try again later" if error.passing else "",
            ) from error

    def _read(self, url: str) -> ServiceResult:
        every = {name: self._fetch(f"{url}/{name}") for name in ("result.tar", "log.gz")}
        files = {name: content for name, content in every.items() if content is not None}
        answer: RunAnswer | Broken
        try:
            answer = service.read_answer(files.get("result.tar", b""), files.get("log.gz"))
        except service.DamagedError as error:
            answer = Broken(f"the service's result is damaged: {error}")
        return ServiceResult(url, files, answer)


def read(reader: Reader, request: Request, wanted: Sequence[str], store: Store) -> ServiceRun:
    """How a request stands; a result is kept in the work folder.

    Parameters:
        wanted: the tests that the source package has.
    """
    none = Skipped(f"no result yet; request it: {request.url}")
    run = ServiceRun(*request.cell, request.version, none, request=request.url)
    result = reader.newest(request)
    if result is None:
        return run
    answer = result.answer
    tests = () if isinstance(answer, Broken) else answer.tests
    whole = answer if isinstance(answer, Broken) else judge(answer.exit_code, tests, wanted=wanted)
    _keep(store, StepId(FOLDER, request.series, request.name), result, whole)
    answers = {test.name: test.verdict for test in tests}
    each: dict[str, Verdict] = {}
    for name in dict.fromkeys((*wanted, *answers)):
        # Where the whole is Broken no test of it has passed.
        own = answers.get(name, whole)
        each[name] = whole if isinstance(whole, Broken) and not isinstance(own, Failed) else own
    return result.of(replace(run, each=each), whole)


def control(
    reader: Reader, request: Request, asked: Sequence[ServiceRun], update: str, store: Store
) -> list[ServiceRun]:
    """The controls of tests, from a throw-away PPA with the packages of one variant.

    Parameters:
        request: as for the update, but for the throw-away PPA and its version, "" for none.
        asked: controls on the same variant, which have not run.
        update: the version that the update itself will have.
    """
    variant = asked[0].variant
    result = None
    if not request.version:
        why = f"{request.ppa} has no {request.source} for {request.series}"
    elif not is_variant_of(request.version, update, variant):
        why = f"{request.ppa} has {request.version}, which is not {variant} of {update}"
    else:
        result = reader.newest(request)
        why = f"no result yet; request it: {request.url}"
    runs = [replace(run, version=request.version) for run in asked]
    if result is None:
        return [replace(run, verdict=Skipped(f"control not run: {why}")) for run in runs]
    answer = result.answer
    made = [
        answer if isinstance(answer, Broken) else service.control_verdict(run.test, answer)
        for run in runs
    ]
    whole = next((verdict for verdict in made if isinstance(verdict, Broken)), made[0])
    _keep(store, StepId(FOLDER, request.series, request.name, variant), result, whole)
    return [result.of(run, verdict) for run, verdict in zip(runs, made, strict=True)]


def _keep(store: Store, step: StepId, result: ServiceResult, made: Verdict) -> None:
    started = time.time()
    scratch = store.scratch(step)
    for file, content in result.files.items():
        (scratch / file).write_bytes(content)
    exit_code = StepError.exit_code if isinstance(made, (Failed, Broken)) else 0
    outcome = Outcome(made, tuple(sorted(result.files)), exit_code)
    store.commit(step, hash_text(result.url), outcome, scratch, started)
