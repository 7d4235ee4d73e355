"""The table of resource types: one row a type, from which the WADL is made.

How a row is written is told in `table_spec`. The names and choices are those of Launchpad's own
WADL.
"""

from __future__ import annotations

from . import table_bugs, table_builds, table_ppa
from .table_spec import POCKETS, PUBLISHING, SERIES_STATUS, Field, Operation, Type, fields, op

__all__ = ["BY_NAME", "TYPES", "Field", "Operation", "Type"]

_PUBLICATION = (
    "archive -> archive",
    "component_name",
    "copied_from_archive -> archive",
    "creator -> person",
    "date_created*: datetime",
    "date_made_pending*: datetime",
    "date_published*: datetime",
    "date_removed*: datetime",
    "date_superseded*: datetime",
    "display_name*",
    f"pocket: {POCKETS}",
    "removal_comment*",
    "removed_by* -> person",
    "scheduled_deletion_date*: datetime",
    "section_name",
    "source_package_name",
    "source_package_version",
    f"status*: {PUBLISHING}",
)

TYPES = (
    Type(
        "distribution",
        fields(
            "active*",
            "current_series* -> distro_series",
            "date_created: datetime",
            "description*",
            "display_name*",
            "domain_name*",
            "main_archive -> archive",
            "name*",
            "owner* -> person",
            "series -> [distro_series]",
            "summary*",
            "title*",
        ),
        (
            op("getSeries", "name_or_version!", returns="distro_series"),
            op("getArchive", "name!", returns="archive"),
        ),
        collection="distributions",
    ),
    Type(
        "distro_series",
        fields(
            "active*",
            "component_names",
            "date_created: datetime",
            "datereleased*: datetime",
            "description*",
            "displayname*",
            "distribution -> distribution",
            "fullseriesname*",
            "main_archive -> archive",
            "name*",
            f"status*: {SERIES_STATUS}",
            "suite_names",
            "supported*",
            "title*",
            "version*",
        ),
        (table_ppa.PACKAGE_UPLOADS,),
    ),
    Type(
        "archive",
        fields(
            "description*",
            "displayname*",
            "distribution -> distribution",
            "name*",
            "owner -> person",
            "permit_obsolete_series_uploads*",
            "private",
            "reference",
            "signing_key_fingerprint",
        ),
        (
            op(
                "getPublishedSources",
                "version",
                "source_name",
                "distro_series -> distro_series",
                f"status: {PUBLISHING}",
                "component_name",
                f"pocket: {POCKETS}",
                "created_since_date: datetime",
                "exact_match",
                "order_by_date",
                returns="[source_package_publishing_history]",
            ),
            table_ppa.CHECK_UPLOAD,
        ),
    ),
    Type(
        "source_package_publishing_history",
        fields(
            *_PUBLICATION,
            "distro_series* -> distro_series",
            "package_creator -> person",
            "package_maintainer -> person",
            "package_signer -> person",
            "sponsor -> person",
        ),
        (
            op("sourceFileUrls", "include_meta"),
            op("getPublishedBinaries", returns="[binary_package_publishing_history]"),
            op("getBuilds", returns="[build]"),
            op("changesFileUrl"),
        ),
        web=False,
    ),
    Type(
        "binary_package_publishing_history",
        fields(
            *_PUBLICATION,
            "architecture_specific",
            "binary_package_name",
            "binary_package_version",
            "build -> build",
            "distro_arch_series -> distro_arch_series",
            "phased_update_percentage",
            "priority_name",
        ),
        (op("binaryFileUrls", "include_meta"),),
        web=False,
    ),
    Type(
        "person",
        fields(
            "description*",
            "display_name*",
            "gpg_keys -> [gpg_key]",
            "is_team",
            "is_valid",
            "name*",
            "time_zone",
        ),
        collection="people",
    ),
    *table_bugs.TYPES,
    *table_builds.TYPES,
    *table_ppa.TYPES,
)

BY_NAME = {one.name: one for one in TYPES}
