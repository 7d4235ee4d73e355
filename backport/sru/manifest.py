"""The evidence's table of contents: every file by sha256, every step with what it read and said.

The manifest has a hash of itself, so a change of one byte of it is seen as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backport.engine import records
from backport.engine.step import KINDS, Step, StepId
from backport.engine.store import Record
from backport.engine.verdict import Passed, Verdict
from backport.environments.base import Differing
from backport.errors import InputError, reading
from backport.output import printable
from backport.recipe.keys import UPDATE_NAME

FILE = "manifest.json"
FORMAT = 4
_SHA256 = re.compile("[0-9a-f]{64}")
_LAST_SECOND = 253402300800  # the end of the year 9999
_ANEW = "get the evidence anew"


@dataclass(frozen=True)
class Content:
    """A file of the evidence: its size in bytes, sha256, and whether it may be run.

    `removed` says what was taken out of it, and how often.
    """

    size: int
    sha256: str
    executable: bool = False
    removed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRecord:
    """A step, and what the store recorded of it; the record of one that never began has no key."""

    step: Step
    record: Record

    def __str__(self) -> str:
        """The step's name."""
        return str(self.step.id)

    @property
    def id(self) -> StepId:
        """Which step it is."""
        return self.step.id

    @property
    def verdict(self) -> Verdict:
        """How it ended."""
        return self.record.verdict

    @property
    def passed(self) -> bool:
        """Whether it passed; skipped or broken is not passed."""
        return isinstance(self.verdict, Passed)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Each output, with its sha256 when the step ended."""
        return {path: entry[2] for path, entry in self.record.outputs.items()}

    @property
    def folder(self) -> str:
        """Where its files are in the evidence; "" where it never began."""
        return f"steps/{self}" if self.record.key else ""


@dataclass(frozen=True)
class BaseRecord:
    """What a series' packages were built and tested on.

    `differing` are the packages whose versions are not the series'.
    """

    series: str
    kind: str
    suite: str
    differing: tuple[Differing, ...]


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
        return next((one for one in self.steps if str(one) == str(step)), None)

    def base(self, series: str) -> BaseRecord | None:
        """The base of a series."""
        return next((one for one in self.bases if one.series == series), None)

    def to_text(self) -> str:
        """The manifest as the text of its file."""
        data = self.data()
        return json.dumps({**data, "sha256": digest_of(data)}, indent=1, sort_keys=True) + "\n"

    def data(self) -> dict[str, Any]:
        """The manifest as JSON data, without its own hash."""
        text = json.dumps({**records.encode(self), "format": FORMAT}, default=records.encode)
        data: dict[str, Any] = json.loads(text)
        return data


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
    for path in (*contents.files, *contents.links, *contents.matrix, contents.recipe):
        if not is_inside(path):
            raise ValueError(f"{path!r:.60} is no path of evidence")
    for path, content in contents.files.items():
        # They are read whole; all else is only hashed, or has a bound where it is read.
        if path.startswith("inputs/") and content.size > records.MOST_BYTES:
            raise ValueError(f"{path!r:.60} is larger than a file beside a recipe may be")
        if not _SHA256.fullmatch(content.sha256) or content.size < 0:
            raise ValueError(f"{content.sha256!r:.70} is no sha256")
    for step in contents.steps:
        times = (step.record.started, step.record.seconds)
        known = step.id.kind in KINDS and is_inside(str(step))
        if not known or not all(0 <= one < _LAST_SECOND for one in times):
            raise ValueError(f"{str(step)!r:.60} is no step")


def digest_of(data: Mapping[str, Any]) -> str:
    """The hash of what a manifest says, whatever its spaces and the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
