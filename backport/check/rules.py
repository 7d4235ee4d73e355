"""The rules that a finding can name: what each one means, why, and where it is written."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """One rule: `text` says what it asks for, why, and what to do about a finding."""

    name: str
    title: str
    text: str
    reference: str


_FILE = Path(__file__).with_suffix(".toml")
RULES: dict[str, Rule] = {
    name: Rule(name, rule["title"], " ".join(rule["text"].split()), rule["reference"])
    for name, rule in tomllib.loads(_FILE.read_text("utf-8")).items()
}


def explain(name: str) -> str:
    """The text that `backport explain RULE` prints (KeyError where there is no such rule)."""
    rule = RULES[name]
    return f"{rule.name}: {rule.title}.\n\n{rule.text}\n\nWritten in: {rule.reference}"
