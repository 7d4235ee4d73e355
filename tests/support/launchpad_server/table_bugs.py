"""The rows of bugs, as in Launchpad's own WADL; ``file`` is a file behind an address."""

from __future__ import annotations

from .table_spec import Type, fields, op

TASK_STATUS = (
    "New|Incomplete|Opinion|Invalid|Won't Fix|Expired|Confirmed|Triaged|In Progress|Deferred"
    "|Fix Committed|Fix Released|Does Not Exist|Unknown"
)
IMPORTANCE = "Unknown|Undecided|Critical|High|Medium|Low|Wishlist"
INFORMATION = "Public|Public Security|Private Security|Private|Proprietary|Embargoed"

TYPES = (
    Type(
        "bug",
        fields(
            "attachments -> [bug_attachment]",
            "bug_tasks -> [bug_task]",
            "date_created: datetime",
            "date_last_updated: datetime",
            "description*",
            "duplicate_of* -> bug",
            "id",
            f"information_type*: {INFORMATION}",
            "lock_status: Unlocked|Comment-only",
            "message_count",
            "messages -> [message]",
            "owner* -> person",
            "private*",
            "subscriptions -> [bug_subscription]",
            "tags*",
            "title*",
        ),
        (
            op("addTask", "target! -> bug_target", returns="bug_task", method="POST"),
            op("addNomination", "target! -> bug_target", returns="bug_nomination", method="POST"),
            op("getNominations", "target -> bug_target", returns="[bug_nomination]"),
            op("canBeNominatedFor", "target! -> bug_target"),
            op("newMessage", "subject", "content!", returns="message", method="POST"),
            op(
                "addAttachment",
                "data!: binary",
                "comment!",
                "filename!",
                "is_patch",
                "content_type",
                "description",
                returns="bug_attachment",
                method="POST",
            ),
            op(
                "subscribe",
                "person! -> person",
                "level: Lifecycle|Details|Discussion",
                method="POST",
            ),
        ),
        collection="bugs",
    ),
    Type(
        "bug_task",
        fields(
            "assignee* -> person",
            "bug -> bug",
            "bug_target_display_name",
            "bug_target_name",
            "date_created: datetime",
            f"importance*: {IMPORTANCE}",
            "owner -> person",
            f"status*: {TASK_STATUS}",
            "target* -> bug_target",
            "title",
        ),
    ),
    Type(
        "bug_nomination",
        fields(
            "bug -> bug",
            "date_created: datetime",
            "date_decided: datetime",
            "decider -> person",
            "owner -> person",
            "status: Nominated|Approved|Declined",
            "target -> bug_target",
        ),
        (op("canApprove"), op("approve", method="POST"), op("decline", method="POST")),
    ),
    Type("message", fields("content", "date_created: datetime", "owner -> person", "subject")),
    Type(
        "bug_attachment",
        fields(
            "bug -> bug",
            "data* -> HostedFile",
            "message -> message",
            "title*",
            "type*: Patch|Unspecified",
            "url",
        ),
    ),
    Type(
        "bug_subscription",
        fields(
            "bug -> bug", "date_created: datetime", "person -> person", "subscribed_by -> person"
        ),
    ),
    Type("bug_target", ()),
    Type(
        "distribution_source_package",
        fields("display_name", "distribution -> distribution", "name", "title"),
    ),
    Type("source_package", fields("distroseries -> distro_series", "displayname", "name")),
)
