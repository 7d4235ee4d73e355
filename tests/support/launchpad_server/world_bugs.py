"""Bugs in the stand-in's world: tasks, nominations, messages, attachments, subscriptions.

Who may do what is modelled on Launchpad: anybody that is logged in may comment and add a task, a
series is nominated by a bug supervisor or driver, and approved by a driver or uploader. With the
approval every source package of the bug gets a task in that series; a source package that comes
later gets one in every approved series.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

from .world import Created, DeniedError, Entry, Value, World

_PARTS = {
    "attachments": "bug_attachment",
    "bug_tasks": "bug_task",
    "messages": "message",
    "subscriptions": "bug_subscription",
}


class Bugs:
    """The bugs of a world; the person that is logged in has the `rights`.

    `rights` may hold "nominate" and "approve".
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rights = {"nominate", "approve"}
        world.operations.update(
            {
                ("bug", "addTask"): self._add_task,
                ("bug", "addNomination"): self._nominate,
                ("bug", "getNominations"): lambda _, bug, __: self._nominations(bug),
                ("bug", "newMessage"): self._new_message,
                ("bug", "addAttachment"): self._attach,
                ("bug", "subscribe"): self._subscribe,
                ("bug_nomination", "canApprove"): lambda *_: "approve" in self.rights,
                ("bug_nomination", "approve"): self._approve,
            }
        )
        for name in ("tester", "ubuntu-sponsors"):
            if f"/~{name}" not in world.entries:
                world.add("person", f"/~{name}", name=name, display_name=name, is_valid=True)

    def add(
        self,
        number: int,
        title: str,
        description: str,
        *,
        tags: Iterable[str] = (),
        tasks: Iterable[str] = (),
    ) -> Entry:
        """Add a bug. A task is ``SOURCE`` or ``SERIES/SOURCE``, for Ubuntu."""
        path = f"/bugs/{number}"
        bug = self.world.add(
            "bug",
            path,
            id=number,
            title=title,
            description=description,
            tags=sorted(tags),
            private=False,
            lock_status="Unlocked",
            **{f"{part}_collection_link": f"{path}/{part}" for part in _PARTS},
        )
        for part, kind in _PARTS.items():
            entries = functools.partial(self.below, kind, path)
            self.world.collections[f"{path}/{part}"] = (f"{kind}-page-resource", entries)
        self._message(bug, description)
        for task in tasks:
            series, _, source = task.rpartition("/")
            self._task(bug, self.target(source, series))
        return bug

    def below(self, kind: str, path: str) -> list[Entry]:
        """The entries of a kind that belong to a bug."""
        every = self.world.all(kind)
        return [
            entry
            for entry in every
            if entry.values.get("bug_link") == path or entry.path.startswith(f"{path}/")
        ]

    def _nominations(self, bug: Entry) -> list[Entry]:
        return self.below("bug_nomination", bug.path)

    def task(self, number: int, target: str) -> Entry:
        """The task of a bug at ``SOURCE`` or ``SERIES/SOURCE`` (KeyError where there is none)."""
        series, _, source = target.rpartition("/")
        return self.world.entries[f"{self.target(source, series).path}/+bug/{number}"]

    def comments(self, number: int) -> list[str]:
        """The text of each message, the description's own first."""
        return [str(one.values["content"]) for one in self.below("message", f"/bugs/{number}")]

    def target(self, source: str, series: str = "") -> Entry:
        """The source package that a task is for, in the distribution or a series of it."""
        path = f"/ubuntu/{series}/+source/{source}" if series else f"/ubuntu/+source/{source}"
        if path in self.world.entries:
            return self.world.entries[path]
        if series:
            link = f"/ubuntu/{series}"
            return self.world.add("source_package", path, name=source, distroseries_link=link)
        return self.world.add(
            "distribution_source_package", path, name=source, distribution_link="/ubuntu"
        )

    def _task(self, bug: Entry, target: Entry) -> Entry:
        path = f"{target.path}/+bug/{bug.values['id']}"
        if path in self.world.entries:
            return self.world.entries[path]
        return self.world.add(
            "bug_task", path, bug_link=bug.path, target_link=target.path, status="New"
        )

    def _message(self, bug: Entry, content: str) -> Entry:
        count = len(self.below("message", bug.path))
        return self.world.add("message", f"{bug.path}/comments/{count}", content=content)

    # Named operations

    def _target_of(self, given: Mapping[str, Value]) -> Entry:
        path = str(given["target"])
        match = re.fullmatch(r"/ubuntu(?:/([a-z]+))?/\+source/([a-z0-9+.-]+)", path)
        return self.target(match[2], match[1] or "") if match else self.world.entries[path]

    def _add_task(self, _: World, bug: Entry, given: Mapping[str, Value]) -> Value:
        target = self._target_of(given)
        if target.kind == "distribution_source_package":
            for nomination in self._nominations(bug):
                if nomination.values["status"] == "Approved":
                    series = str(nomination.values["target_link"]).rpartition("/")[2]
                    self._task(bug, self.target(str(target.values["name"]), series))
        return Created(self._task(bug, target))

    def _nominate(self, world: World, bug: Entry, given: Mapping[str, Value]) -> Value:
        target = self._target_of(given)
        name = str(target.values["name"]).capitalize()
        if target.path in {one.values["target_link"] for one in self._nominations(bug)}:
            raise DeniedError(400, f"This bug cannot be nominated for {name}.")
        if target.values["status"] == "Obsolete":
            raise DeniedError(400, f"{name} is an obsolete series.")
        if "nominate" not in self.rights:
            raise DeniedError(400, "<Bug object at 0x7f10>, only supervisors can nominate bugs.")
        return Created(
            world.add(
                "bug_nomination",
                f"{bug.path}/nominations/{world.number()}",
                bug_link=bug.path,
                target_link=target.path,
                status="Nominated",
            )
        )

    def _approve(self, world: World, nomination: Entry, _: Mapping[str, Value]) -> Value:
        nomination.values.update(status="Approved")
        bug = world.entries[str(nomination.values["bug_link"])]
        series = str(nomination.values["target_link"]).rpartition("/")[2]
        for task in self.below("bug_task", bug.path):
            target = world.entries[str(task.values["target_link"])]
            if target.kind == "distribution_source_package":
                self._task(bug, self.target(str(target.values["name"]), series))
        return None

    def _new_message(self, _: World, bug: Entry, given: Mapping[str, Value]) -> Value:
        return Created(self._message(bug, str(given["content"])))

    def _attach(self, world: World, bug: Entry, given: Mapping[str, Value]) -> Value:
        message = self._message(bug, str(given["comment"]))
        path = f"{bug.path}/+attachment/{world.number()}"
        world.files[f"/devel{path}/data"] = given["data"]
        return Created(
            world.add(
                "bug_attachment",
                path,
                bug_link=bug.path,
                data_link=f"{path}/data",
                message_link=message.path,
                title=given.get("description") or given["filename"],
                type="Patch" if given.get("is_patch") else "Unspecified",
            )
        )

    def _subscribe(self, world: World, bug: Entry, given: Mapping[str, Value]) -> Value:
        person = str(given["person"])
        path = f"{bug.path}/+subscription/{person.removeprefix('/~')}"
        if path not in world.entries:
            world.add("bug_subscription", path, bug_link=bug.path, person_link=person)
        return world.entries[path]
