"""The rows of uploads to a PPA, as in Launchpad's own WADL."""

from __future__ import annotations

from .table_spec import POCKETS, Type, fields, op

UPLOAD_STATUS = "New|Unapproved|Accepted|Done|Rejected"

CHECK_UPLOAD = op(
    "checkUpload",
    "component!",
    "distroseries! -> distro_series",
    "person! -> person",
    f"pocket!: {POCKETS}",
    "sourcepackagename!",
)

PACKAGE_UPLOADS = op(
    "getPackageUploads",
    "created_since_date: datetime",
    f"status: {UPLOAD_STATUS}",
    "archive -> archive",
    f"pocket: {POCKETS}",
    "name",
    "version",
    "exact_match",
    returns="[package_upload]",
)

TYPES = (
    Type("gpg_key", fields("fingerprint", "keyid"), web=False),
    Type(
        "package_upload",
        fields(
            "archive -> archive",
            "date_created: datetime",
            "display_name",
            "display_version",
            "distroseries -> distro_series",
            "package_name",
            "package_version",
            f"pocket: {POCKETS}",
            f"status: {UPLOAD_STATUS}",
        ),
        web=False,
    ),
)
