"""The errors when Launchpad refuses."""

from __future__ import annotations

from backport.errors import RemoteError


class RefusedError(RemoteError):
    """Launchpad answered that what was asked for does not exist or may not be seen or done."""


class ConflictError(RefusedError):
    """Somebody else has changed the entry since it was read; nothing was written."""
