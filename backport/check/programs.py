"""The programs that units, cron files and maintainer scripts run, and whether they are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from backport.check import finding, scripts, shell, units
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.check.installed import Installed

# systemd.service(5), COMMAND LINES.
_EXEC = ("Start", "StartPre", "StartPost", "Condition", "Reload", "Stop", "StopPre", "StopPost")
_CONDITIONS = ("ConditionPathExists", "ConditionFileIsExecutable", "ConditionFileNotEmpty")
_SYSTEMD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# crontab(5), and the PATH of /etc/crontab, which runs the scripts in the folders.
_CRON_PATH = "/usr/bin:/bin"
_CRONTAB_PATH = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin"
_CRON_FOLDER = re.compile(r"etc/cron\.(?:hourly|daily|weekly|monthly)/[^/]+$")
_CRON_VARIABLE = re.compile(r"""\s*["']?([A-Za-z_]\w*)["']?\s*=\s*["']?(.*?)["']?\s*$""")
_CRON_JOB = re.compile(r"\s*(?:@\w+|(?:[\w*][\w*/,~-]*\s+){4}[\w*][\w*/,~-]*)\s+\S+\s+(.*)")
_SHELL = re.compile(r"(?:/usr)?(?:/bin/)?(?:ba|da)?sh")
_SHEBANG = re.compile(r"#!\s*(/\S+)")
# What runs the program that it is given; options may stand between.
_RUNNING = (
    ".", "source", "exec", "command", "env", "nice", "ionice", "nohup", "setsid", "time", "timeout",
    "chronic",
)  # fmt: skip
_BUILT_IN = re.compile(
    "alias|bg|break|builtin|cd|command|continue|declare|echo|eval|exec|exit|export|false|fg|getopts|"
    "hash|jobs|kill|let|local|printf|pwd|read|readonly|return|set|shift|shopt|source|test|time|times|"
    "trap|true|type|typeset|ulimit|umask|unalias|unset|wait"
)
_ADVICE = "install it with the package, or depend on the package that has it"


@dataclass(frozen=True)
class Use:
    """A program that a file runs: an absolute path, or a name that is looked for in `path`.

    It is `guarded` where the file tests whether it is there, or does not mind if it is not.
    """

    line: int
    program: str
    path: str = ""
    guarded: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """Where the program may be."""
        if self.program.startswith("/"):
            return (self.program,)
        return tuple(f"{folder}/{self.program}" for folder in self.path.split(":"))


def check(packages: Iterable[Binary], installed: Installed) -> Iterator[Finding]:
    """Find the programs that are in no package which is there when they are run.

    Parameters:
        packages: the binary packages of one source package.
        installed: those of the update and of the base.
    """
    for package in packages:
        for name, text in _files(package):
            place, told = f"{package.name}: {name}", set()
            try:
                uses = list(_uses(name, text))
            except ValueError as error:
                why = f"it cannot be read as a shell script: {error}"
                yield finding.make("not-parsed", "warning", place, why, "mend the script")
                continue
            for use in uses:
                if use.program not in told and (one := _judge(use, place, package.name, installed)):
                    told.add(use.program)
                    yield one


def _judge(use: Use, place: str, package: str, installed: Installed) -> Finding | None:
    there, lacking = installed.needed(package)
    if installed.has(use.places, there):
        return None
    others = [name for name in installed.own if name not in there]
    other = [name for name in others if installed.has(use.places, [name])]
    runs = f"it runs {use.program}, which is"
    why = f"{runs} neither in {package} nor in a package that {package} needs"
    severity: finding.Severity = "error"
    advice = _ADVICE
    if use.guarded:
        if other:
            return None
        severity, advice = "info", "nothing: it tests for the program first"
    elif other:
        why = f"{runs} in {other[0]}; {package} does not depend on that"
        severity, advice = "warning", "add the dependency, or test for the program first"
    elif lacking:
        why += f"; the base lacks {lacking[0]}, which may have it"
        severity = "warning"
    where = f"{place}:{use.line}"
    return finding.make("program-not-installed", severity, where, why, advice)


def _files(package: Binary) -> Iterator[tuple[str, str]]:
    """The names and texts of the files that run programs."""
    for name in scripts.MAINTAINER:
        if name in package.scripts:
            yield name, package.scripts[name]
    for file in package.files:
        if (
            units.INSTALLED.match(file.path)
            or file.path.startswith("etc/cron.d/")
            or _CRON_FOLDER.match(file.path)
        ):
            yield file.path, file.content.decode("utf-8", "replace")


def _uses(name: str, text: str) -> Iterator[Use]:
    if units.INSTALLED.match(name):
        yield from of_unit(text)
    elif name.startswith("etc/cron.d/"):
        yield from of_cron_table(text)
    else:
        yield from of_script(text, _CRONTAB_PATH if _CRON_FOLDER.match(name) else "")


def of_unit(text: str) -> Iterator[Use]:
    """The programs that a systemd unit runs.

    Raises:
        ValueError: a shell script in it cannot be read.
    """
    found = list(units.directives(text))
    tested = {
        value.removeprefix("|")
        for _, name, value in found
        if name in _CONDITIONS and not value.removeprefix("|").startswith("!")
    }
    for line, name, value in found:
        if name.removeprefix("Exec") not in _EXEC or not name.startswith("Exec"):
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            words = value.split()
        while words:
            end = words.index(";") if ";" in words else len(words)
            command, words = words[:end], words[end + 1 :]
            prefix = re.match(r"[-@:+!|]*", command[0]) if command else None
            if prefix is None:
                continue
            program = command[0][prefix.end() :]
            # Of a specifier only systemd knows what it is; %% is none (systemd.unit(5)).
            program = re.sub(r"%(.)", lambda one: "%" if one[1] == "%" else "*", program)
            guarded = "-" in prefix[0] or program in tested
            if program and "$" not in program and not program.startswith("*"):
                yield Use(line, program, _SYSTEMD_PATH, guarded)
            for use in _of_argument(line, [program, *command[1:]], _SYSTEMD_PATH):
                yield replace(use, guarded=use.guarded or guarded)


def of_cron_table(text: str) -> Iterator[Use]:
    """The programs that a file in /etc/cron.d runs.

    Raises:
        ValueError: a job cannot be read as a shell script.
    """
    path = _CRON_PATH
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        if variable := _CRON_VARIABLE.match(line):
            path = variable[2] if variable[1] == "PATH" else path
        elif job := _CRON_JOB.match(line):
            # What follows a % is the job's standard input.
            command = re.split(r"(?<!\\)%", job[1])[0].replace("\\%", "%")
            yield from (replace(use, line=number) for use in of_shell(command, path))


def of_script(text: str, path: str) -> Iterator[Use]:
    """The programs that a script runs: its interpreter and, of a shell script, what it names.

    Parameters:
        path: where names without a slash are looked for; "" is not at all.

    Raises:
        ValueError: the shell script cannot be read.
    """
    shebang = _SHEBANG.match(text)
    if shebang:
        yield Use(1, shebang[1])
    if shebang and _SHELL.fullmatch(shebang[1]):
        yield from of_shell(text, path)


def of_shell(text: str, path: str) -> list[Use]:
    """The programs that shell commands run; parameters and errors as of `of_script`."""
    script, found = shell.read(text), []
    for command in script.commands:
        program, words = command.words[0], list(command.words)
        while words and words[0] in _RUNNING:
            del words[0]
            while words and re.match(r"-|\w+=|[0-9]", words[0]):
                del words[0]
            program = words[0] if words and words[0].startswith("/") else ""
        known = _BUILT_IN.fullmatch(program) or program in script.functions
        form = r"/[^$*?\[]+" if not path else r"/[^$*?\[]+|[A-Za-z0-9][\w.+-]*"
        if re.fullmatch(form, program) and not known:
            found.append(Use(command.line, program, path))
        found += [replace(one, line=command.line) for one in _of_argument(0, words, path)]
    tested = {word for command in script.commands for word in _tested(command.words)}
    names = {word.rpartition("/")[2] for word in tested}

    def is_tested(program: str) -> bool:
        # A name and a path of it are the same program.
        name = program.rpartition("/")[2]
        return program in tested or name in tested or (program == name and name in names)

    return [replace(one, guarded=one.guarded or is_tested(one.program)) for one in found]


def _of_argument(line: int, words: list[str], path: str) -> list[Use]:
    """The programs in the text that a shell is given with -c."""
    if not words or not _SHELL.fullmatch(words[0]) or "-c" not in words[:-1]:
        return []
    text = words[words.index("-c") + 1]
    return [replace(one, line=line) for one in of_shell(text, path)]


def _tested(words: tuple[str, ...]) -> list[str]:
    """The programs that a command tests for."""
    if words[0] in ("[", "[[", "test"):
        return [word for flag, word in pairwise(words) if flag in ("-x", "-e", "-f", "-s")]
    if words[:2] in (("command", "-v"), ("command", "-V")):
        return list(words[2:])
    return list(words[1:]) if words[0] in ("which", "type", "hash") else []
