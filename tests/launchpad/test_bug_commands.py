from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from backport.launchpad.upload import journal
from tests.launchpad.scene import BUG, NUMBER, SPONSOR, VERSION, Scene, record
from tests.support.launchpad_server.world_builds import ends
from tests.support.uploads import upload_record


def test_bug_shows_the_difference_and_asks_before_it_changes_anything(scene: Scene) -> None:
    code, out, _ = scene.run("bug")
    assert code == 0
    assert "  app (Ubuntu): New\n" in out
    assert "nominate the bug for xenial" in out
    assert "+[ Impact ]" in out
    code, _, err = scene.run("bug", "--set")
    assert code == 2
    assert "nobody is there to be asked" in err
    assert scene.unchanged()
    code, out, _ = scene.run("bug", "--set", "--yes")
    assert code == 0
    assert "done: approve the nomination for xenial" in out
    assert "The bug is as wanted: nothing to change." in out
    assert scene.bugs.task(NUMBER, "xenial/app").values["status"] == "In Progress"
    scene.standin.requests.clear()
    code, out, _ = scene.run("bug", "--set", "--yes", "--json")
    assert (code, json.loads(out)["changes"]) == (0, [])
    assert scene.unchanged()


def test_bug_exits_6_when_something_was_refused_and_does_the_rest(scene: Scene) -> None:
    scene.bugs.rights = set()
    code, out, err = scene.run(*BUG)
    assert code == 6
    assert "not done: nominate the bug for xenial" in out
    assert "answered 400 Bad Request: only supervisors can nominate bugs" in err
    assert err.count("\n") == 1
    assert scene.done()[0] == 1


def test_bug_comments_once_on_what_was_uploaded_and_on_what_was_published(scene: Scene) -> None:
    words = ("bug", "--set", "--yes", *("--milestone", "uploaded") * 2, "--milestone", "published")
    code, _, err = scene.run(*words)
    assert code == 3
    assert f"xenial/app {VERSION} is not known to be published" in err
    assert scene.unchanged()
    scene.farm.build(scene.upload)
    scene.farm.now = 1000.0
    assert scene.run("wait", "--quiet")[0] == 0
    assert [scene.run(*words)[0] for _ in "ab"] == [0, 0]
    assert scene.bugs.comments(NUMBER)[1:] == [
        f"These packages were uploaded to ppa:me/sru for testing:\n\nxenial: app {VERSION}",
        "All builds of these packages are published in ppa:me/sru:\n\n"
        f"xenial: app {VERSION} (built on amd64)",
    ]
    newer = upload_record("app", VERSION[:-1] + "2", root=scene.standin.root)
    journal.write(scene.root / "build", newer)
    assert f"app {newer.version} is not known to be published" in scene.run(*words)[2]


def test_sponsor_attaches_the_debdiff_as_it_is_subscribes_the_team_and_changes_nothing_else(
    scene: Scene,
) -> None:
    world, title = scene.bugs.world, "app_1.0-1ubuntu0.16.04.1.xenial.debdiff"
    (debdiff,) = (scene.root / "build/source/xenial/app").glob("*.debdiff")
    debdiff.write_bytes("\u00e4\r\n--boundary\n+\x00\n".encode())
    before = dict(world.entries["/bugs/77"].values)
    code, out, _ = scene.run("sponsor", "--dry-run")
    assert code == 0
    assert "\n  - subscribe ubuntu-sponsors" in out
    assert scene.run("sponsor")[0] == 2
    assert scene.unchanged()
    assert f"done: attach {title}\ndone: subscribe ubuntu-sponsors\n" in scene.run(*SPONSOR)[1]
    (attached,) = world.all("bug_attachment")
    assert (attached.values["title"], attached.values["type"]) == (title, "Patch")
    assert world.files[f"/devel{attached.path}/data"] == debdiff.read_bytes()
    assert world.entries["/bugs/77"].values == before
    assert world.all("bug_nomination") == []
    scene.standin.requests.clear()
    assert "nothing to change" in scene.run(*SPONSOR)[1]
    assert scene.unchanged()
    debdiff.write_text("another content")
    assert scene.run(*SPONSOR)[0] == 0
    assert scene.done() == (0, 2, 1, False)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.0-1ubuntu0.1", "no source package has a debdiff"),
        ("1.0-1~standin1", "is for testing only"),
        ("", "app for xenial was not made yet"),
    ],
)
def test_sponsor_refuses_what_no_sponsor_can_review(
    scene: Scene, version: str, message: str
) -> None:
    made = scene.root / "build/source/xenial/app"
    for path in made.iterdir():
        path.unlink()
    if version:
        (made / f"app_{version}.dsc").write_text("")
    code, _, err = scene.run(*SPONSOR)
    assert code == 3
    assert message in err


def test_wait_exits_4_with_the_end_of_the_log_when_a_build_failed(scene: Scene) -> None:
    log = b"dpkg-buildpackage: error\n"
    scene.farm.build(scene.upload, "amd64", ends("Failed to build"), log=log)
    scene.farm.now = 1000.0
    for words in (("wait",), ("wait", "--quiet")):
        code, out, _ = scene.run(*words)
        assert code == 4
        assert "  | dpkg-buildpackage: error" in out
        assert "Not all of it was built: 0 of 1 builds are published." in out
        assert out.count(f"xenial/app {VERSION} amd64: failed\n") == 2 - ("--quiet" in words)


def test_wait_refuses_what_is_no_time_and_what_was_not_sent(scene: Scene) -> None:
    assert scene.run("wait", "--minutes", "0")[0] == 2
    for text in ("soon", "0", "-1", "inf"):
        scene.monkeypatch.setenv("BACKPORT_POLL_SECONDS", text)
        code, _, err = scene.run("wait")
        assert code == 2
        assert f"BACKPORT_POLL_SECONDS: {text!r} is no number" in err
    scene.monkeypatch.delenv("BACKPORT_POLL_SECONDS")
    record(scene.root, scene.standin.root, "broken")
    code, _, err = scene.run("wait")
    assert code == 3
    assert "is broken and is not waited for" in err
    for path in (scene.root / "build/uploads").iterdir():
        path.unlink()
    code, _, err = scene.run("wait")
    assert code == 3
    assert "nothing was uploaded to ppa:me/sru yet" in err


def test_wait_is_ended_by_a_signal_and_goes_on_with_the_next_call(scene: Scene) -> None:
    scene.farm.build(scene.upload)
    words = ["wait", "--cache", str(scene.root / "c"), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "backport.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["phase"] == "queued"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert b"the next run goes on" in err
    scene.farm.now = 1000.0
    assert scene.run("wait", "--quiet")[0] == 0
