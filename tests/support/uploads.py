"""Records of uploads, as `backport upload` leaves them."""

from __future__ import annotations

from typing import Any

from backport.launchpad.upload.journal import UploadRecord


def upload_record(source: str, version: str, **values: Any) -> UploadRecord:
    """An upload to ppa:me/sru for xenial that Launchpad has accepted."""
    usual: dict[str, Any] = {
        "series": "xenial", "update": version.partition("~ppa")[0], "ppa": "ppa:me/sru",
        "root": "https://lp/", "server": "ftp", "content": {}, "files": {}, "signer": "",
        "account": "me", "base": "ubuntu", "steps": {}, "state": "accepted",
    }  # fmt: skip
    return UploadRecord(source=source, version=version, **(usual | values))
