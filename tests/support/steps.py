"""The steps of a run by their names, as output and records have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from backport.engine.step import Step, StepId
from backport.engine.store import step_key
from backport.recipe.model import Recipe
from backport.run import plan
from backport.run.plan import Selection

_Value = TypeVar("_Value")


def by_name(steps: Mapping[StepId, _Value]) -> dict[str, _Value]:
    """What is kept by step, by the steps' names."""
    return {str(step_id): value for step_id, value in steps.items()}


def names(steps: Iterable[StepId]) -> tuple[str, ...]:
    """The names of some steps."""
    return tuple(map(str, steps))


ALL = Selection()


def planned(recipe: Recipe, selection: Selection = ALL, base: str = "stand-in") -> dict[str, Step]:
    """The steps of a plan by their names."""
    return by_name(plan.make(recipe, selection, base))


def changed(before: Mapping[str, Step], after: Mapping[str, Step]) -> set[str]:
    """The steps whose own inputs differ between two plans of the same steps."""
    assert list(before) == list(after)
    return {name for name in before if step_key(before[name], {}) != step_key(after[name], {})}
