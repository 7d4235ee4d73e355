"""A login for the stand-in: a file of credentials as a person's login would have left it."""

from __future__ import annotations

from tests.support.upload_server.case import write_credentials as credentials_file

__all__ = ["credentials_file"]
