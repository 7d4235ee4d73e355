"""What Ubuntu's autopkgtest service said in place of local verdicts, as the evidence has it.

The evidence keeps both: what each step came to here, and the records of the service, the uploads
among them. The sha256 of the update's own .dsc joins the two.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backport.launchpad.autopkgtest import verdicts
from backport.launchpad.autopkgtest.verdicts import ServiceTest, ServiceTests
from backport.sru.manifest import Manifest

RECORDS = "records"


def read(folder: Path, evidence: Manifest) -> ServiceTests:
    """What the service said of the source packages of this evidence.

    Parameters:
        folder: the evidence's folder, already checked.

    Raises:
        InputError: a record is damaged.
    """
    own = {
        (step.source, step.series): digest
        for step in evidence.steps
        if step.kind == "source" and not step.variant
        for name, digest in step.outputs.items()
        if name.endswith(".dsc")
    }
    every = verdicts.read(folder / RECORDS, own)
    # The summary of a work folder may have runs of another recipe.
    return replace(every, runs=tuple(run for run in every.runs if run[0].pair in own))


def log_of(one: ServiceTest, evidence: Manifest) -> str:
    """The evidence's own copy of the log that decides; "" where the service had none."""
    name = f"{RECORDS}/{one.worst.file}"
    return name if name in evidence.files else ""
