"""The plan for a person: the version table, the proof, the retired sources, the steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backport.engine.step import KINDS, Step, StepId
from backport.recipe import versions
from backport.recipe.model import Recipe
from backport.recipe.versions import ArchiveVersions, Row, Upgrade
from backport.source import weight
from backport.source.weight import Weight


def as_text(recipe: Recipe, archive: ArchiveVersions, steps: Mapping[StepId, Step]) -> str:
    """The plan in lines of text."""
    day = f", with the archive as of {recipe.as_of}" if recipe.as_of else ""
    bug = f"LP: #{recipe.bug}" if recipe.bug else "no bug is filed yet"
    lines = [f"Update {recipe.name}, {bug}{day}", "", "Versions"]
    for row in versions.table(recipe, archive):
        made = row.ours or "no upload"
        lines.append(f"  {row.series:10} {row.source:24} {made:30} archive: {_has(row)}")
        if row.ours:
            lines.append(f"  {'':10} {'':24} {row.rule}")
        if row.built != row.ours:
            lines.append(f"  {'':10} {'':24} no .dsc is pinned; for testing only: {row.built}")
    proof = versions.proof(recipe, archive)
    lines += ["", f"Upgrade paths: {sum(one.holds for one in proof)} of {len(proof)} sort upward"]
    lines += [_relation(one) for one in proof]
    lines += [f"  WRONG: {mismatch}" for mismatch in versions.mismatches(recipe, archive)]
    if recipe.retired:
        lines += ["", "Sources that are left behind"]
        lines += [
            f"  {one.name} in {', '.join(one.series)}: {one.outcome}"
            f"{' by ' + ', '.join(one.by) if one.by else ''}; {one.reason}"
            for one in recipe.retired
        ]
    if recipe.variants:
        lines += ["", "Variants, for controls"]
        lines += [f"  {one.name:10} {one.purpose}" for one in recipe.variants]
    lines += _review(recipe, steps)
    counts = Counter(step.kind for step in steps)
    lines += ["", "Steps: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])]
    return "\n".join(lines)


def _weights(recipe: Recipe, steps: Mapping[StepId, Step]) -> dict[str, dict[str, Weight]]:
    """What somebody has to read of each source package, by series."""
    weights: dict[str, dict[str, Weight]] = {}
    for series in recipe.series:
        for source in recipe.sources:
            if StepId("source", series.name, source.name) in steps:
                one = weight.of_recipe(recipe, source, series)
                weights.setdefault(series.name, {})[source.name] = one
    return weights


def _review(recipe: Recipe, steps: Mapping[StepId, Step]) -> Iterator[str]:
    yield from ("", "Lines to read")
    for series, weights in _weights(recipe, steps).items():
        yield from (f"  {series:10} {source:24} {one}" for source, one in weights.items())
        for place, why in weight.over(recipe.review, weights):
            yield f"  WARNING: {place} in {series}: {why}"


def as_json(
    recipe: Recipe, archive: ArchiveVersions, steps: Mapping[StepId, Step], notes: Sequence[str]
) -> dict[str, Any]:
    """The plan as JSON data; `notes` are sentences that a person has to know."""
    rows = versions.table(recipe, archive)
    proof = versions.proof(recipe, archive)
    return {
        "name": recipe.name,
        "bug": recipe.bug,
        "as_of": recipe.as_of.isoformat() if recipe.as_of else None,
        "versions": [{**asdict(row), "published": row.published} for row in rows],
        "proof": [{**asdict(one), "holds": one.holds} for one in proof],
        "mismatches": [str(mismatch) for mismatch in versions.mismatches(recipe, archive)],
        "retired": [asdict(one) for one in recipe.retired],
        "review": [
            {
                "series": series,
                "lines": {source: one.counts() for source, one in weights.items()},
                "warnings": [list(told) for told in weight.over(recipe.review, weights)],
            }
            for series, weights in _weights(recipe, steps).items()
        ],
        "steps": {str(one): [str(need) for need in step.needs] for one, step in steps.items()},
        "notes": list(notes),
    }


def _relation(relation: Upgrade) -> str:
    mark = "ok" if relation.holds else "WRONG"
    sign = "=" if relation.published else "<"
    sure = "" if relation.confirmed else "  (unconfirmed)"
    return f"  {mark:5} {relation.lower} {sign} {relation.higher}  [{relation.what}]{sure}"


def _has(row: Row) -> str:
    """What the archive has, and how that is known."""
    if row.archive is None:
        return "not recorded"
    known = row.archive.confirmed
    if not known:
        known = f"unconfirmed: {row.archive.note or 'no source given'}"
    ours = "; already published" if row.published else ""
    return f"{row.archive.version or 'none'} ({known}){ours}"
