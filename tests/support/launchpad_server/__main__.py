"""Serve a world from a JSON file: ``python -m tests.support.launchpad_server WORLD.json [PORT]``.

The file holds ``{"series": [{"distribution", "name", "version", "status"}, ...],
"published": [{"series", "source", "version", ..., "files": ["path", ...]}, ...]}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Event

from .server import StandIn
from .world import World


def load(path: Path) -> World:
    """The world that a JSON file describes; files are read from beside it."""
    data = json.loads(path.read_text())
    world = World()
    for one in data["series"]:
        if f"/{one['distribution']}" not in world.entries:
            world.distribution(one["distribution"])
        world.series(one["distribution"], one["name"], one["version"], one["status"])
    for one in data.get("published", []):
        names = [path.parent / name for name in one.pop("files", [])]
        world.publish(**one, files={name.name: name.read_bytes() for name in names})
    return world


def main() -> None:
    """Serve until interrupted."""
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with StandIn(load(Path(sys.argv[1])), port=port) as standin:
        print(standin.announcement(), flush=True)
        Event().wait()


if __name__ == "__main__":
    main()
