"""Programs that small real packages run, beside a small base of real packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from backport.check import programs
from backport.check.binaries import Binary
from backport.check.installed import Installed
from tests.build.packages import index, make_deb

PROGRAM = "#!/bin/sh\ntrue\n"
ESSENTIAL, REQUIRED = "Essential: yes\n", "Priority: required\n"
AWK = "#!/bin/sh\nlink=/usr/bin/awk\nupdate-alternatives --install $link awk /usr/bin/mawk 5\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of what every system has, and of packages that others may depend on."""
    folder = tmp_path_factory.mktemp("base")
    for name, depends, fields, files in (
        ("dash", "", ESSENTIAL, {"bin/sh!": PROGRAM}),
        ("perl-base", "", ESSENTIAL, {"usr/bin/perl!": PROGRAM}),
        (
            "coreutils",
            "libdeep",
            ESSENTIAL,
            {f"usr/bin/{name}!": PROGRAM for name in ("rm", "env", "which")},
        ),
        ("mawk", "", REQUIRED, {"usr/bin/mawk!": PROGRAM, "DEBIAN/postinst!": AWK}),
        ("libdeep", "", "", {"usr/lib/deep/tool!": PROGRAM}),
        ("helper", "further | nothing", "", {"usr/bin/helper!": PROGRAM}),
        ("further", "", "", {"usr/sbin/further!": PROGRAM, "usr/lib/folder/x": ""}),
        ("mailer", "", "Provides: mta (= 1)\n", {"usr/sbin/sendmail!": PROGRAM}),
        ("systemd", "", "", {"bin/systemctl!": PROGRAM}),
    ):
        make_deb(folder, name, "1.0", depends, files=files, fields=fields)
    return index(folder)


def findings_of(root: Path, base: Path, files: Mapping[str, str], depends: str = "") -> list[str]:
    """What is found in the package `small`; the update has the packages library and other, too."""
    small = make_deb(root, "small", "2.0", depends, files=files)
    library = make_deb(root, "library", "2.0", "helper", files={"usr/lib/library/run!": PROGRAM})
    other = make_deb(root, "other", "2.0", files={"usr/bin/other!": PROGRAM})
    installed = Installed([small, library, other], base)
    return [
        f"{one.severity} {one.place}: {one.why}"
        for one in programs.check([Binary(small)], installed)
    ]


def of(kind: str, text: str) -> Mapping[str, str]:
    """The file of a package that runs what the text says."""
    cron = "SHELL=/bin/sh\n# /nothing/here\n17 */12 * * 1-5 root "
    shell = "#!/bin/sh\nset -e\n"
    return {
        "unit": {"lib/systemd/system/small.service": f"[Service]\nExecStart={text}\n"},
        "cron": {"etc/cron.d/small": f"{cron}{text}\n"},
        "daily": {"etc/cron.daily/small!": f"{shell}{text}\n"},
        "postinst": {"DEBIAN/postinst!": f"{shell}{text}\n"},
        "interpreter": {"DEBIAN/postinst!": f"#!{text}\n/nothing\n"},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "text", "program"),
    [
        ("unit", "/usr/lib/small/run --now", "/usr/lib/small/run"),
        ("unit", '-/bin/rm x\nExecStartPre=@!"/usr/lib/small/run" x', "/usr/lib/small/run"),
        ("unit", "+/usr/lib/small/run-%i", "/usr/lib/small/run-*"),
        ("unit", "/bin/rm a ; :/usr/lib/small/run b", "/usr/lib/small/run"),
        ("unit", "/small\n[Unit]\nConditionPathExists=!/small", "/small"),
        ("unit", "/bin/sh -c 'rm x && exec /usr/lib/small/run'", "/usr/lib/small/run"),
        ("unit", "/bin/rm \\\n x\nExecStopPost=small-run", "small-run"),
        ("cron", "perl -e 'sleep 1' && /usr/lib/small/run", "/usr/lib/small/run"),
        ("cron", "if rm x; then /usr/lib/small/run; fi", "/usr/lib/small/run"),
        (
            "cron",
            "[ ! -d /run/systemd/system ] && nice -n 9 /usr/lib/small/run",
            "/usr/lib/small/run",
        ),
        ("daily", "small-run", "small-run"),
        ("daily", "for x in /y; do /usr/lib/small/run $((1 + (x))); done", "/usr/lib/small/run"),
        ("postinst", "case $1 in\n(/x | b) c;;\nd) /usr/lib/small/run\nesac", "/usr/lib/small/run"),
        ("postinst", "jobs=$(/usr/lib/small/run | /usr/bin/env)", "/usr/lib/small/run"),
        ("postinst", ". /usr/share/small/functions", "/usr/share/small/functions"),
        ("interpreter", "/usr/bin/python3", "/usr/bin/python3"),
    ],
)
def test_a_program_in_no_package_is_an_error(
    tmp_path: Path, base: Path, kind: str, text: str, program: str
) -> None:
    (one,) = findings_of(tmp_path, base, of(kind, text), "further")
    assert one.startswith("error small: ")
    assert one.endswith(
        f" it runs {program}, which is neither in small nor in a package that small needs"
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("unit", "@/usr/lib/library/run run"),
        ("unit", "/usr/lib/%%i/tool"),
        ("unit", "/usr/lib/%i/tool\nExecStartPre=%h/run\nExecStartPre=${RUN}"),
        ("unit", "helper\n# ExecStart=/nothing\n\n[X-Other]\nExecStart=/nothing"),
        ("cron", "test -d /run/x -a \\! -e /y && perl -e 'sleep int(rand(3))' && helper%/nothing"),
        ("cron", "awk x /nothing; /usr/sbin/sendmail root"),
        ("cron", "cd / && { helper; } >/dev/null 2>&1 # /nothing"),
        # Another package of the update has it.
        ("cron", "[ -x /usr/bin/other ] && /usr/bin/other"),
        ("daily", "own() { rm x; }\nown; further\necho /nothing; cat <<X\n/nothing\nX"),
        ("postinst", "/usr/lib/deep/tool; /usr/bin/rm x\ncase $1 in /nothing) nothing;; esac"),
        ("postinst", "not-looked-up; rm -f /nothing; $RUN; /usr/lib/$1/x; [ ! -e /nothing ]"),
    ],
)
def test_a_program_of_the_package_or_of_what_it_needs_passes(
    tmp_path: Path, base: Path, kind: str, text: str
) -> None:
    files = dict(of(kind, text))
    if "%%" in text:
        files["usr/lib/%i/tool!"] = PROGRAM
    if "cat <<" in text:
        files["usr/bin/cat!"] = PROGRAM
    assert findings_of(tmp_path, base, files, "library, mta | nothing, systemd") == []


NOTE, WARNING = "info small: ", "warning small: "


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        # It is tested for.
        ("unit", "-/usr/lib/small/run", (NOTE, "")),
        ("unit", "/small\n[Unit]\nConditionFileIsExecutable=/small", (NOTE, "")),
        ("cron", "test -x /usr/lib/small/run -a x && /usr/lib/small/run", (NOTE, "")),
        ("cron", "[ -x /usr/bin/small ] && small", (NOTE, "")),
        ("daily", "if which small; then\n/usr/bin/small\nfi", (NOTE, "")),
        ("postinst", "if [ -e /usr/lib/small/run ]; then /usr/lib/small/run; fi", (NOTE, "")),
        ("unit", "/usr/bin/other", (WARNING, "which is in other; small does not depend on that")),
        ("unit", "/usr/bin/run", (WARNING, "the base lacks lost (>= 1) | gone, which may have it")),
        ("postinst", "echo 'a", (f"{WARNING}postinst: it cannot be read as a shell script: ", "")),
    ],
)
def test_a_program_that_may_be_there_is_no_error(
    tmp_path: Path, base: Path, kind: str, text: str, expected: tuple[str, str]
) -> None:
    (one,) = findings_of(tmp_path, base, of(kind, text), "helper, lost (>= 1) | gone")
    assert one.startswith(expected[0])
    assert one.endswith(expected[1])


def test_a_link_that_the_packages_own_script_makes_is_there(tmp_path: Path, base: Path) -> None:
    postinst = "#!/bin/sh\nupdate-alternatives --install /usr/bin/run run /usr/lib/library/run 5\n"
    files = {**of("unit", "/usr/bin/run"), "DEBIAN/postinst!": postinst}
    assert findings_of(tmp_path / "made", base, files, "library") == []
    # That a script names a path does not make it.
    files["DEBIAN/postinst!"] = "#!/bin/sh\nrm -f /usr/bin/run\n"
    assert len(findings_of(tmp_path / "named", base, files, "library")) == 1
