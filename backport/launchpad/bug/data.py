"""A bug as Launchpad has it: its tasks, nominations, tags and comments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A task: the bug in one source package, of one Ubuntu series or ("") in development."""

    source: str
    series: str
    status: str
    link: str = ""


@dataclass(frozen=True)
class Nomination:
    """A series that the bug is proposed for; `status` is Nominated, Approved or Declined.

    `can_approve` is whether this login may approve it; None if that was not asked.
    """

    series: str
    status: str
    can_approve: bool | None = False
    link: str = ""


@dataclass(frozen=True)
class Bug:
    """A bug; `comments` are its messages, the first one included.

    `duplicate_of` is the number of the bug that it is a duplicate of, 0 if it is none; `locked`
    is whether only those with a role in the project may change more than comments.
    """

    number: int
    title: str
    description: str
    tags: tuple[str, ...]
    tasks: tuple[Task, ...]
    nominations: tuple[Nomination, ...]
    comments: tuple[str, ...]
    web: str = ""
    duplicate_of: int = 0
    private: bool = False
    locked: bool = False

    def task(self, source: str, series: str = "") -> Task | None:
        """The task of that source package and series; None if there is none."""
        own = (task for task in self.tasks if (task.source, task.series) == (source, series))
        return next(own, None)

    def __str__(self) -> str:
        nominations = ", ".join(f"{one.series} {one.status}" for one in self.nominations)
        return "\n".join(
            [
                f"LP: #{self.number} {self.title}",
                f"  {self.web}",
                *(f"  {place(task.source, task.series)}: {task.status}" for task in self.tasks),
                f"  nominations: {nominations or 'none'}",
                f"  tags: {' '.join(self.tags) or 'none'}; {len(self.comments)} messages",
            ]
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the whole bug stands in the way of an update."""
        every = {
            f"the bug is a duplicate of bug {self.duplicate_of}: name that one in the recipe": (
                self.duplicate_of
            ),
            "the bug is private: an update needs a public one": self.private,
            "the bug is locked: only those with a role in the project may change more than "
            "comments": self.locked,
        }
        return tuple(note for note, holds in every.items() if holds)


def place(source: str, series: str = "") -> str:
    """A task in words, such as ``hello (Ubuntu Xenial)``."""
    return f"{source} (Ubuntu{f' {series.capitalize()}' if series else ''})"
