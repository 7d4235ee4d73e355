"""apt at a terminal of its own, where dpkg asks an administrator and gets an answer.

Runs under Python 2.7 and 3.
"""

import collections
import os
import pty
import re
import select
import signal
import time

from upgrade_check import Broken
from upgrade_machine import ENVIRONMENT, Result

# What dpkg asks about a configuration file (conffile).
_QUESTION = re.compile(
    r"Configuration file '([^'\n]+)'((?:(?!Configuration file ').)*?)"
    r"\*\*\* (\S+) \(Y/I/N/O/D/Z\) \[default=(\w)\] \? ", re.S)


class Question(collections.namedtuple("Question", "path text default")):
    """One question of dpkg's: the file, what it says of it, and the answer of an empty line."""


def asked(command, answer, meanwhile=None, seconds=300):
    """Run a program at a terminal, and answer all that dpkg asks.

    Parameters: ``answer`` is the line that is typed; ``meanwhile()`` is called
    while dpkg waits for it.  Returns the Result and the questions.  Raises
    Broken where the program does not end within ``seconds``.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], list(command), ENVIRONMENT)
    written, seen, questions = b"", 0, []
    deadline = time.time() + seconds
    try:
        while True:
            if time.time() > deadline:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                raise Broken("{0} did not end; it wrote: {1}".format(
                    " ".join(command), _text(written)[-1500:]))
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            written += chunk
            match = _QUESTION.search(_text(written), seen)
            if match:
                seen = match.end()
                questions.append(Question(match.group(1), match.group(2), match.group(4)))
                if meanwhile is not None:
                    meanwhile()
                os.write(terminal, answer.encode("ascii") + b"\n")
    finally:
        os.close(terminal)
    status = os.waitpid(process, 0)[1]
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    return Result(list(command), code, _text(written)), questions


def _text(written):
    return written.decode("utf-8", "replace").replace("\r\n", "\n")
