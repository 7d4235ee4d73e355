"""The evidence's table of contents: every file by sha256, every step with what it read and said.

The manifest has a hash of itself, so a change of one byte of it is seen as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from backport.engine import records, verdict
from backport.engine.step import KINDS, StepId, hash_text
from backport.engine.verdict import Verdict
from backport.errors import InputError, reading
from backport.output import printable
from backport.recipe.keys import UPDATE_NAME

FILE = "manifest.json"
FORMAT = 3
_SHA256 = re.compile("[0-9a-f]{64}")
_LAST_SECOND = 253402300800  # the end of the year 9999
_ANEW = "get the evidence anew"


@dataclass(frozen=True)
class Content:
    """A file of the evidence: its size in bytes, sha256, and whether it may be run.

    Where something was taken out of it (`removed`: what, how often), `recorded` is the sha256
    that it had when its step ended; else "".
    """

    size: int
    sha256: str
    recorded: str = ""
    executable: bool = False
    removed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRecord:
    """A step as the store recorded it.

    `inputs` are names and hashes of what it read beside the outputs of `needs`; `outputs` maps
    each output to its sha256 when the step ended. `started` is in seconds since 1970, `seconds`
    how long it took. `folder` is where its files are in the evidence.
    """

    name: str
    kind: str
    series: str
    source: str
    test: str
    variant: str
    control: bool
    needs: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...]
    key: str
    verdict: Verdict
    exit_code: int
    digest: str
    started: float
    seconds: float
    outputs: Mapping[str, str]
    folder: str

    @property
    def id(self) -> StepId:
        """Which step it is."""
        return StepId(self.kind, self.series, self.source, self.variant, self.test)

    def expected_digest(self) -> str:
        """The hash over the outputs, as the store makes it."""
        return hash_text(json.dumps(sorted([path, one] for path, one in self.outputs.items())))

    def expected_key(self, digests: Mapping[str, str]) -> str:
        """The key that the step's inputs and the outputs of its needs make."""
        read = (need for need in self.needs if not need.startswith("check/"))
        mine = sorted((need, digests[need]) for need in read)
        return hash_text(json.dumps([self.name, self.inputs, mine]))

    @property
    def passed(self) -> bool:
        """Whether it passed; skipped or broken is not passed."""
        return verdict.kind(self.verdict) == "passed"


@dataclass(frozen=True)
class BaseRecord:
    """What a series' packages were built and tested on.

    `differing` lists the packages whose versions are not the series' (package, the series'
    version or "", the base's).
    """

    series: str
    kind: str
    suite: str
    differing: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Manifest:
    """What a run did. `update` is the recipe's name, `bug` its bug, `toolkit` our version.

    `versions` maps series/source to the version that was made, `links` a symbolic link of the
    artifacts to its target. `recipe` is the recipe's file below ``inputs/``, and `matrix` are those
    that it had rows of its test matrix from.
    """

    update: str
    bug: int
    toolkit: str
    bases: tuple[BaseRecord, ...]
    versions: Mapping[str, str]
    steps: tuple[StepRecord, ...]
    files: Mapping[str, Content]
    links: Mapping[str, str] = field(default_factory=dict)
    recipe: str = "backport.toml"
    matrix: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The evidence's name: the update's, and the beginning of the manifest's own hash."""
        return f"{self.update}-{self.digest[:16]}"

    @cached_property
    def digest(self) -> str:
        """The sha256 over all that the manifest says."""
        return digest_of(self.data())

    def step(self, step: StepId | str) -> StepRecord | None:
        """The record of a step, by its id or by its name."""
        return next((one for one in self.steps if one.name == str(step)), None)

    def base(self, series: str) -> BaseRecord | None:
        """The base of a series."""
        return next((one for one in self.bases if one.series == series), None)

    def to_text(self) -> str:
        """The manifest as the text of its file."""
        data = self.data()
        return json.dumps({**data, "sha256": digest_of(data)}, indent=1, sort_keys=True) + "\n"

    def data(self) -> dict[str, Any]:
        """The manifest as JSON data, without its own hash."""
        steps = [{**asdict(step), "verdict": verdict.to_json(step.verdict)} for step in self.steps]
        data = {**asdict(self), "steps": steps, "format": FORMAT}
        plain: dict[str, Any] = json.loads(json.dumps(data))
        return plain


def read(content: bytes, where: str) -> Manifest:
    """Read a manifest, and hold it against its own hash.

    Raises:
        InputError: it is no manifest, of another format, or was changed.
    """
    what = "this is no manifest of evidence, or it is damaged"
    with reading(where, what=what, advice=_ANEW):
        data = json.loads(content)
        stated, number = data.pop("sha256"), data.pop("format")
        if number != FORMAT:
            raise InputError(
                f"the evidence has the format {number!r}, and this toolkit reads {FORMAT}",
                where=where,
                advice="use the toolkit that made it",
            )
        contents: Manifest = records.decode(Manifest, data)
        _check_form(contents)
    if contents.digest != stated or contents.to_text().encode() != content:
        raise InputError(
            "the manifest was changed: it does not have the hash that it says",
            where=where,
            advice=_ANEW,
        )
    return contents


def is_inside(path: str) -> bool:
    """Whether a path has the form of those in evidence.

    It is relative, of at most 1,000 characters; its parts have 1 to 255 bytes, are neither ``.``
    nor ``..``, and have no control characters.
    """
    return (
        len(path) <= 1000
        and printable(path, lines=False) == path
        and all(
            part not in ("", ".", "..") and len(part.encode()) <= 255 for part in path.split("/")
        )
    )


def _check_form(contents: Manifest) -> None:
    """Raise ValueError where a name that becomes a path, a hash or a time has not its form."""
    if not UPDATE_NAME.allows(contents.update):
        raise ValueError(f"{contents.update!r:.60} is no name of an update")
    folders = [one.folder for one in contents.steps if one.folder]
    for path in (*contents.files, *contents.links, *contents.matrix, contents.recipe, *folders):
        if not is_inside(path):
            raise ValueError(f"{path!r:.60} is no path of evidence")
    for path, content in contents.files.items():
        # They are read whole; all else is only hashed, or has a bound where it is read.
        if path.startswith("inputs/") and content.size > records.MOST_BYTES:
            raise ValueError(f"{path!r:.60} is larger than a file beside a recipe may be")
        if not _SHA256.fullmatch(content.sha256) or content.size < 0:
            raise ValueError(f"{content.sha256!r:.70} is no sha256")
    for step in contents.steps:
        if step.kind not in KINDS or not all(
            0 <= one < _LAST_SECOND for one in (step.started, step.seconds)
        ):
            raise ValueError(f"{step.name!r:.60} is no step")


def digest_of(data: Mapping[str, Any]) -> str:
    """The hash of what a manifest says, whatever its spaces and the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
