"""Launchpad: publication records, uploads, bugs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Tell = Callable[[Mapping[str, object], str], None]
"""Takes what happened: as JSON data, and as text for a person."""
