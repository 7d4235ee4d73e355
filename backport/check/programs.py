"""The programs that units, cron files and maintainer scripts run, and whether they are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from backport.check import finding
from backport.check.binaries import Binary
from backport.check.finding import Finding
from backport.check.installed import Installed
from backport.check.lines import directives
from backport.check.packaging import MAINTAINER, UNIT

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
_RESERVED = {
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "{", "}", "!",
}  # fmt: skip
_NO_COMMAND = {"for", "select", "function", "case"}
_PUNCTUATION = "();<>|&`\n"
# What shlex does not know: comments between commands, arithmetic, here-documents.
_COMMENT = re.compile(r"""(?m)^((?:[^'"\\\n#]|\\.|'[^'\n]*'|"(?:[^"\\\n]|\\.)*"|(?<=\S)#)*)#.*""")
_ARITHMETIC = re.compile(r"\$\(\((?:[^()]|\([^()]*\))*\)\)")
_DOCUMENT = re.compile(r"(?m)<<-?\s*\\?(['\"]?)(\w+)\1(.*)\n(?:.*\n)*?\t*\2$")
_ADVICE = "install it with the package, or depend on the package that has it"


@dataclass(frozen=True)
class ProgramUse:
    """A program that a file runs: an absolute path, or a name that is looked for in `path`.

    It is `guarded` where the file tests whether it is there, or does not mind if it is not.
    """

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


def _judge(use: ProgramUse, place: str, package: str, installed: Installed) -> Finding | None:
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
    return finding.make("program-not-installed", severity, place, why, advice)


def _files(package: Binary) -> Iterator[tuple[str, str]]:
    """The names and texts of the files that run programs."""
    yield from ((name, text) for name, text in package.scripts.items() if name in MAINTAINER)
    for file in package.files:
        if (
            UNIT.match(file.path)
            or file.path.startswith("etc/cron.d/")
            or _CRON_FOLDER.match(file.path)
        ):
            yield file.path, file.content.decode("utf-8", "replace")


def _uses(name: str, text: str) -> Iterator[ProgramUse]:
    if UNIT.match(name):
        yield from of_unit(text)
    elif name.startswith("etc/cron.d/"):
        yield from of_cron_table(text)
    else:
        yield from of_script(text, _CRONTAB_PATH if _CRON_FOLDER.match(name) else "")


def of_unit(text: str) -> Iterator[ProgramUse]:
    """The programs that a systemd unit runs.

    Raises:
        ValueError: a shell script in it cannot be read.
    """
    lines = list(directives(text))
    tested = {
        value.removeprefix("|")
        for _, name, value in lines
        if name in _CONDITIONS and not value.removeprefix("|").startswith("!")
    }
    for _, name, value in lines:
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
                yield ProgramUse(program, _SYSTEMD_PATH, guarded)
            for use in _of_argument([program, *command[1:]], _SYSTEMD_PATH):
                yield replace(use, guarded=use.guarded or guarded)


def of_cron_table(text: str) -> Iterator[ProgramUse]:
    """The programs that a file in /etc/cron.d runs.

    Raises:
        ValueError: a job cannot be read as a shell script.
    """
    path = _CRON_PATH
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if variable := _CRON_VARIABLE.match(line):
            path = variable[2] if variable[1] == "PATH" else path
        elif job := _CRON_JOB.match(line):
            # What follows a % is the job's standard input.
            command = re.split(r"(?<!\\)%", job[1])[0].replace("\\%", "%")
            yield from of_shell(command, path)


def of_script(text: str, path: str) -> Iterator[ProgramUse]:
    """The programs that a script runs: its interpreter and, of a shell script, what it names.

    Parameters:
        path: where names without a slash are looked for; "" is not at all.

    Raises:
        ValueError: the shell script cannot be read.
    """
    shebang = _SHEBANG.match(text)
    if shebang:
        yield ProgramUse(shebang[1])
    if shebang and _SHELL.fullmatch(shebang[1]):
        yield from of_shell(text, path)


def of_shell(text: str, path: str) -> list[ProgramUse]:
    """The programs that shell commands run; parameters and errors as of `of_script`."""
    commands, functions = read_shell(text)
    uses = []
    for words in commands:
        program, rest = words[0], list(words)
        while rest and rest[0] in _RUNNING:
            del rest[0]
            while rest and re.match(r"-|\w+=|[0-9]", rest[0]):
                del rest[0]
            program = rest[0] if rest and rest[0].startswith("/") else ""
        # A number alone is what stands before a redirection.
        form = r"/[^$*?\[]+" if not path else r"/[^$*?\[]+|(?!\d+$)[A-Za-z0-9][\w.+-]*"
        known = _BUILT_IN.fullmatch(program) or program in functions
        if re.fullmatch(form, program) and not known:
            uses.append(ProgramUse(program, path))
        uses += _of_argument(rest, path)
    tested = {word for words in commands for word in _tested(words)}
    names = {word.rpartition("/")[2] for word in tested}

    def is_tested(program: str) -> bool:
        # A name and a path of it are the same program.
        name = program.rpartition("/")[2]
        return program in tested or name in tested or (program == name and name in names)

    return [replace(one, guarded=one.guarded or is_tested(one.program)) for one in uses]


def read_shell(text: str) -> tuple[list[list[str]], set[str]]:
    """The words of the simple commands of a shell script, and the names of its functions.

    Assignments and redirections are left out. A command in double quotes is not seen.

    Raises:
        ValueError: a quote does not end.
    """
    text = _DOCUMENT.sub(r"\3", text.replace("\\\n", " "))
    text = _ARITHMETIC.sub("1", _COMMENT.sub(r"\1", text))
    lexer = shlex.shlex(text + "\n", posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    commands: list[list[str]] = []
    functions: set[str] = set()
    words: list[str] = []
    cases, in_pattern, redirected = 0, False, False
    for token in lexer:
        if not set(token) <= set(_PUNCTUATION):
            assigned = not words and re.match(r"[A-Za-z_]\w*\+?=", token)
            if not redirected and not assigned and (words or token not in _RESERVED):
                words.append(token)
            if token == "esac" and not words:
                cases, in_pattern = cases - 1, False
            if token == "in" and words[:1] == ["case"]:
                cases, in_pattern, words = cases + 1, True, []
            redirected = False
        elif token.startswith(("<", ">")):
            redirected = True
        else:
            if token.startswith("()") and len(words) == 1:
                functions.add(words.pop())
            if words and words[0] not in _NO_COMMAND and not in_pattern:
                commands.append(words)
            words = []
            in_pattern = (in_pattern and ")" not in token) or (cases > 0 and ";;" in token)
            redirected = token.endswith(("<", ">"))
    return commands, functions


def _of_argument(words: list[str], path: str) -> list[ProgramUse]:
    """The programs in the text that a shell is given with -c."""
    if not words or not _SHELL.fullmatch(words[0]) or "-c" not in words[:-1]:
        return []
    return of_shell(words[words.index("-c") + 1], path)


def _tested(words: list[str]) -> list[str]:
    """The programs that a command tests for."""
    if words[0] in ("[", "[[", "test"):
        return [word for flag, word in pairwise(words) if flag in ("-x", "-e", "-f", "-s")]
    if words[:2] in (["command", "-v"], ["command", "-V"]):
        return words[2:]
    return words[1:] if words[0] in ("which", "type", "hash") else []
