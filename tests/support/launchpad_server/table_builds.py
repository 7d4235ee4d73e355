"""The rows of builds, as in Launchpad's own WADL."""

from __future__ import annotations

from .table_spec import POCKETS, Type, fields, op

BUILD_STATES = (
    "Needs building|Successfully built|Failed to build|Dependency wait|Chroot problem"
    "|Build for superseded Source|Currently building|Failed to upload|Uploading build"
    "|Cancelling build|Cancelled build"
)

TYPES = (
    Type(
        "build",
        fields(
            "arch_tag*",
            "archive -> archive",
            "build_log_url",
            f"buildstate*: {BUILD_STATES}",
            "can_be_cancelled",
            "can_be_rescored",
            "can_be_retried",
            "changesfile_url*",
            "current_source_publication -> source_package_publishing_history",
            "date_first_dispatched: datetime",
            "datebuilt: datetime",
            "datecreated: datetime",
            "dependencies*",
            "distribution -> distribution",
            f"pocket: {POCKETS}",
            "score",
            "source_package_name",
            "source_package_version",
            "title",
            "upload_log_url",
        ),
        (op("retry", method="POST"),),
    ),
    Type(
        "distro_arch_series",
        fields(
            "architecture_tag",
            "display_name",
            "distroseries -> distro_series",
            "is_nominated_arch_indep",
            "main_archive -> archive",
            "title",
        ),
    ),
)
