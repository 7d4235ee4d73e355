"""A small update that is ready to be uploaded, with the stand-ins that it is uploaded to.

The store is written by a real run of the graph: sources are fetched and made as always, and the
actions of base, build and test, which need a root and minutes, only leave their files.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from backport import cli
from backport.engine import execute, outputs
from backport.engine.step import Step, StepId
from backport.engine.store import Outcome, Store
from backport.engine.verdict import Failed, Passed
from backport.environments import prepared
from backport.environments.standin import StandIn as StandInBase
from backport.recipe import reader
from backport.run import plan as planning
from backport.run.actions import Actions, Options
from backport.run.plan import Selection
from backport.sru import run_record
from tests.support.launchpad_server import StandIn, World
from tests.support.launchpad_server.world_ppa import Ppas
from tests.support.source_builder import BUG, PackageSpec, build_dsc, patch_text, write_files

from .ftp import FtpServer
from .intake import Intake
from .sftp import SftpServer

OWNER, PPA = "tester", "greetings"
ARCHIVE = f"/~{OWNER}/+archive/ubuntu/{PPA}"
SERIES = {"noble": "24.04", "jammy": "22.04", "yakkety": "16.10"}
TOKEN = "token-of-tester"
SECRET = "secret-of-tester"

RECIPE = """\
[update]
name = "greetings"
bug = {bug}
maintainer = "Good <good@example.org>"
date = "Mon, 23 Nov 2026 12:00:00 +0000"
ppa = "{owner}/{ppa}"
"""
SOURCE = """
[source.{name}]
version = "1.0"
debian-version = "1.0-1"
series = {series}
needs = {needs}
changes = ["Greet the series."]

[source.{name}.pinned]
version = "1.0-1"
dsc = "{dsc}"
sha256 = "{sha256}"
path = "{path}"

[[matrix.test]]
name = "says"
source = "{name}"
"""


@dataclass
class Ran:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """What ``--json`` printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def plan(self) -> dict[str, Any]:
        """The plan that was printed."""
        return next(event for event in self.events if event["event"] == "plan")

    def item(self, name: str) -> dict[str, Any]:
        """One item of the plan, such as ``noble/greeter``."""
        return next(one for one in self.plan["items"] if f"{one['series']}/{one['source']}" == name)

    def check(self, name: str, check: str) -> dict[str, Any]:
        """One check of an item of the plan."""
        return {one["name"]: one for one in self.item(name)["checks"]}[check]


@dataclass
class Case:
    """The update, its work folder, and the servers."""

    root: Path
    home: Path
    template: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    world: World
    standin: StandIn
    ppas: Ppas
    intake: Intake
    ftp: FtpServer
    fingerprint: str
    series: tuple[str, ...] = ("noble",)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"greeter": ()})
    failing: tuple[str, ...] = ()

    @property
    def work(self) -> Path:
        """The work folder."""
        return self.root / "build"

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.root / "backport.toml"

    def write(self, more: str = "") -> None:
        """Write the recipe; `more` goes to its end."""
        text = RECIPE.format(bug=BUG, owner=OWNER, ppa=PPA)
        for name in sorted(self.series, key=lambda series: SERIES[series]):
            text += f'\n[series.{name}]\nversion = "{SERIES[name]}"\n'
        for name, needs in self.sources.items():
            dsc = build_dsc(PackageSpec(name), self.root / "archive" / name)
            text += SOURCE.format(
                name=name,
                series=json.dumps(list(self.series)),
                needs=json.dumps(list(needs)),
                dsc=dsc.name,
                sha256=hashlib.sha256(dsc.read_bytes()).hexdigest(),
                path=dsc,
            )
            patch = patch_text("README", "small\n", "greetings\n")
            write_files(
                self.root / "patches" / name, {"greet.patch": patch, "series": "greet.patch\n"}
            )
            tests = "Tests: says\nDepends: @\n"
            write_files(
                self.root / "autopkgtest" / name, {"control": tests, "says!": "#!/bin/sh\nexit 0\n"}
            )
        self.recipe.write_text(text + more)

    def ready(self) -> None:
        """Write the recipe and prepare the store; the usual update is made once for all tests."""
        usual = (self.series, self.sources, self.failing) == (("noble",), {"greeter": ()}, ())
        made = replace(self, root=self.template) if usual else self
        new = not made.recipe.exists()
        if new:
            made.write()
            made.prepare()
        self.publish_pinned(made.root)
        if usual:
            if new:
                ran = made.upload("--dry-run")
                assert ran.exit_code == 0, ran.out + ran.err
                self.standin.requests.clear()
            shutil.copytree(self.template, self.root, dirs_exist_ok=True)

    def publish_pinned(self, root: Path) -> None:
        """Debian has the pinned package of every source, as Launchpad knows it."""
        for name in self.sources:
            files = (root / "archive" / name).iterdir()
            content = {path.name: path.read_bytes() for path in files if path.is_file()}
            self.world.publish("sid", name, "1.0-1", distribution="debian", files=content)

    def prepare(self) -> None:
        """Make the source packages, and leave records of builds and tests in the store."""
        recipe = reader.load(self.recipe)
        store = Store(self.work)
        base = StandInBase(offline=True)
        inputs = {series.name: base.inputs(series) for series in recipe.series}
        steps = planning.make(recipe, Selection(), base.kind, inputs)
        table = Actions(recipe, store, base, Options(self.home / "cache", offline=True)).table()
        own = {"base": self._base, "build": self._build}
        with store.locked():
            results = execute.run(
                steps,
                table | dict.fromkeys(("test", "check"), self._judged) | own,
                store,
                jobs=2,
                sink=lambda _: None,
                base=base.kind,
            )
            run_record.make(steps, results, {}, recipe).write(store.work)
        bad = [step for step, made in results.items() if not isinstance(made.verdict, Passed)]
        assert {step.kind for step in bad} <= {"build", "test", "check"}, bad

    def _base(self, _step: Step, out: Path, _needs: Mapping[StepId, Path]) -> Outcome:
        told = {"kind": "stand-in", "suite": "bullseye", "differing": []}
        told |= dict.fromkeys(("repository", "chroot", "testbed_root"), "/nowhere")
        (out / prepared.FILE).write_text(json.dumps(told))
        return Outcome(Passed(), (prepared.FILE,))

    def _build(self, step: Step, out: Path, needs: Mapping[StepId, Path]) -> Outcome:
        made = needs[StepId("source", step.id.series, step.id.source)]
        (out / "package.deb").write_bytes(outputs.one_file(made, "*.dsc").read_bytes())
        return self._judged(step, out, needs)

    def _judged(self, step: Step, out: Path, _needs: Mapping[StepId, Path]) -> Outcome:
        if str(step.id) in self.failing:
            return Outcome(Failed("tests", "it says nothing"))
        return Outcome(Passed(), tuple(path.name for path in out.glob("*.deb")))

    def run(self, command: str, *args: str) -> Ran:
        """Run ``backport COMMAND`` on this update."""
        own = ["--recipe", str(self.recipe), "--work", str(self.work)]
        own += ["--cache", str(self.home / "cache")]
        self.capsys.readouterr()
        exit_code = cli.main([command, *own, *args])
        return Ran(exit_code, *self.capsys.readouterr())

    def upload(self, *args: str) -> Ran:
        """Run ``backport upload --json``."""
        return self.run("upload", "--json", *args)

    def use_sftp(self, server: SftpServer) -> None:
        """Upload through SFTP from now on."""
        self.monkeypatch.setenv("BACKPORT_UPLOAD_SERVER", server.address)
        self.monkeypatch.setenv("BACKPORT_SSH_OPTIONS", server.options)

    def records(self) -> list[dict[str, Any]]:
        """The records of uploads that were kept, in the order of their names."""
        records = sorted((self.work / "uploads").glob("*.json"))
        return [json.loads(path.read_text()) for path in records]

    def in_ppa(self) -> list[tuple[str, str, str]]:
        """What the PPA has: (source, series, version) of every record."""
        return [
            (
                str(entry.values["source_package_name"]),
                str(entry.values["distro_series_link"]).rpartition("/")[2],
                str(entry.values["source_package_version"]),
            )
            for entry in self.world.all("source_package_publishing_history")
            if entry.values["archive_link"] == ARCHIVE
        ]

    def sent(self, part: str) -> int:
        """How many connections have brought a file whose name has this part."""
        return sum(any(part in name for name in session) for session in self.intake.sessions)


def write_credentials(path: Path, root: str, *, token: str = TOKEN) -> Path:
    """A file of credentials as the login writes it."""
    path.write_text(
        f"[1]\nconsumer_key = sru-backport-toolkit\nconsumer_secret = \naccess_token = {token}\n"
        f"access_secret = {SECRET}\nservice_root = {root}\n"
    )
    path.chmod(0o600)
    return path
