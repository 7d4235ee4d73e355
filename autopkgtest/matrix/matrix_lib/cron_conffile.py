"""What dpkg does with a cron file that is not as the package left it, and what it asks.

An administrator answers at a terminal, dpkg is told the answer beforehand, there
is nobody to answer, or unattended-upgrades does it.  Debian Policy 10.7.3: what
the administrator changed or deleted is kept, unless it is asked otherwise.

Runs under Python 2.7 and 3.
"""

import collections
import os

import cron_expect
import upgrade_half
import upgrade_machine
import upgrade_mutant
import upgrade_terminal
from cron_expect import CHANGED, COMMAND, kept, renewal, schedules, silent, told, unattended
from upgrade_check import Broken, Finding, check
from upgrade_machine import BOTH, CRON, CRON_FILE, OLD, must, read, run, state, write

OWN, MODIFIED, DELETED = "created by you", "Modified (by you", "Deleted (by you"
UNCHANGED = ""
# What the administrator did to the file, by what dpkg says of it.
_TEXT = {OWN: CHANGED, MODIFIED: CHANGED, DELETED: None}


class Case(collections.namedtuple("Case", "name start said kept told new")):
    """A state of the file: ``start`` before the upgrade, ``said`` what dpkg says of the file.

    ``kept`` and ``new`` are the schedules after each answer, ``told`` what the notice
    has to have where the file is kept; None for no notice.
    """


CASES = (
    Case("xenial-own-copy", OLD, OWN, ("cron",), (COMMAND, CRON_FILE), ()),
    Case("cron-changed", CRON, MODIFIED, ("cron",), (COMMAND, CRON_FILE), ("timer",)),
    Case("cron-deleted", CRON, DELETED, (), (COMMAND, "deleted"), ("timer",)),
    Case("both-changed", BOTH, MODIFIED, ("timer", "cron"), (CRON_FILE, "hooks"), ("timer",)),
    Case("both-deleted", BOTH, DELETED, ("timer",), None, ("timer",)),
)


def _begin(machine, case):
    machine.baseline(case.start)
    if case.said == DELETED:
        os.unlink(CRON_FILE)
    elif case.said != UNCHANGED:
        write(CRON_FILE, CHANGED)


def _package_text():
    """The text of the cron file in the package that is installed, from its .deb."""
    folder = "/var/tmp/own-debs"
    version = upgrade_machine.version("certbot")
    run(["rm", "-rf", folder])
    must(["mkdir", "-p", folder])
    must(["sh", "-c", "cd {0} && apt-get -q download certbot={1} && dpkg-deb -x *.deb .".format(
        folder, version)])
    return read(folder + CRON_FILE)


def _beside(name):
    path = CRON_FILE + "." + name
    return read(path) if os.path.exists(path) else None


def _after_keeping(machine, case, result):
    """The administrator's copy is there, the package's beside it, and all is told."""
    found = kept(_TEXT[case.said])
    if _beside("dpkg-dist") != _package_text():
        found.append(Finding("conffile", "The package's own file is not beside it."))
    found += told(result, *case.told) if case.told else silent(result)
    return found + renewal(machine) + schedules(machine, *case.kept)


def _after_taking(machine, case, result):
    """The package's file is there, the administrator's beside it, which cron does not read."""
    found = kept(_package_text())
    if _beside("dpkg-old") != _TEXT[case.said]:
        found.append(Finding("conffile", "The administrator's file is not beside it."))
    # Where the machine had no schedule before, this does not give it one.
    found += told(result, COMMAND) if case.start == OLD else silent(result)
    return found + renewal(machine) + schedules(machine, *case.new)


def _ask(machine, case, answer, meanwhile=None, words=None):
    with cron_expect.asking():
        result, questions = upgrade_terminal.asked(
            upgrade_machine.APT + ("install",) + tuple(words or machine.wanted()), answer,
            meanwhile)
    machine.details["questions"] = [question.text for question in questions]
    machine.details["apt"] = result.text[-6000:]
    if result.code != 0:
        raise Broken("apt-get ended with {0}: {1}".format(result.code, result.text[-1500:]))
    wanted = 0 if case.said == UNCHANGED else 1
    found = []
    if len(questions) != wanted or any(one.path != CRON_FILE for one in questions):
        found.append(Finding("asked", (
            "dpkg should ask {0} questions, of {1}, and asked {2}.").format(
                wanted, CRON_FILE, questions)))
    for question in questions:
        if case.said not in question.text or question.default != "N":
            found.append(Finding("asked", "dpkg asked with the default {0}: {1}".format(
                question.default, question.text)))
    return result, found


def _answered(case, answer, after):
    def run_check(machine):
        _begin(machine, case)
        probed = []
        result, found = _ask(machine, case, answer, lambda: probed.extend(
            upgrade_half.probe(machine, "while dpkg waits for an answer")))
        return found + probed + after(machine, case, result)
    return run_check


def _beforehand(case, options, after):
    """dpkg's own options in the place of an administrator: it does not ask at all."""
    def run_check(machine):
        _begin(machine, case)
        with cron_expect.asking("".join(
                "DPkg::Options:: \"--force-{0}\";\n".format(option) for option in options)):
            result = machine.apt("install", *machine.wanted())
        if result.code != 0:
            raise Broken("apt-get ended with {0}: {1}".format(result.code, result.text[-1500:]))
        return after(machine, case, result)
    return run_check


def _unchanged(start):
    """Nobody is asked where the file is as the package left it."""
    case = Case("", start, UNCHANGED, (), None, ("timer",))

    def run_check(machine):
        _begin(machine, case)
        result, found = _ask(machine, case, "N")
        found += kept(_package_text()) + silent(result)
        return found + schedules(machine, "timer") + renewal(machine)
    return run_check


def _nobody(machine):
    """Without an answer dpkg stops in the middle: nothing runs, and the next answer mends all."""
    case = CASES[1]
    _begin(machine, case)
    with cron_expect.asking():
        result = machine.apt("install", *machine.wanted())
    if result.code == 0 or state("certbot") == "ii":
        raise Broken("dpkg went on without an answer: {0}".format(result.text[-1000:]))
    found = kept(CHANGED) + upgrade_half.probe(machine, "after dpkg gave up")
    if run(["/usr/lib/certbot/scheduled-renewal", "check"]).code != 1:
        found.append(Finding("ran", "The wrapper would start certbot, which is {0!r}.".format(
            state("certbot"))))
    if machine.certificate.versions() != [1]:
        found.append(Finding("ran", "A renewal ran meanwhile."))
    result = must(["dpkg", "--force-confold", "--configure", "-a"])
    return found + _after_keeping(machine, case, result)


def _overwritten(machine):
    """No maintainer script puts its own text in the place of the administrator's."""
    case = CASES[3]
    _begin(machine, case)
    words = upgrade_mutant.wanted(machine, upgrade_mutant.edited(
        "DEBIAN/postinst", "set -e\n", "set -e\n: >/etc/cron.d/certbot\n"))
    _, found = _ask(machine, case, "N", words=words)
    return found + kept(CHANGED)


def _held_back(start, wanted):
    """unattended-upgrades leaves a package alone that would ask about a changed cron file."""
    def run_check(machine):
        machine.baseline(start)
        write(CRON_FILE, CHANGED)
        before = upgrade_machine.version("certbot")
        # In the control it is told not to mind.
        result = unattended(machine, "" if machine.target == "update" else (
            "DPkg::Options:: \"--force-confold\";\n"))
        found = []
        if upgrade_machine.version("certbot") != before:
            found.append(Finding("not-held", "unattended-upgrades upgraded certbot all the same."))
        found += _sound()
        return found + kept(CHANGED) + silent(result) + schedules(machine, *wanted)
    return run_check


def _sound():
    broken = run(["dpkg", "--audit"]).text.strip()
    return [Finding("half", "unattended-upgrades left this: {0}".format(broken))] if broken else []


def _old_held_back(machine):
    """The same for a cron.d/certbot that no package owned."""
    machine.baseline(OLD)
    write(CRON_FILE, CHANGED)
    result = unattended(machine)
    found = silent(result) if state("certbot") != "ii" else []
    found += _sound()
    if state("letsencrypt") not in ("ii",):
        found.append(Finding("names", "letsencrypt is {0!r}.".format(state("letsencrypt"))))
    machine.details["certbot"] = state("certbot")
    return found + kept(CHANGED)


def _unattended_unchanged(machine):
    """Where nothing was changed, unattended-upgrades upgrades."""
    machine.baseline(CRON)
    result = unattended(machine)
    found = [] if upgrade_machine.version("certbot") == upgrade_machine.newest("certbot") else [
        Finding("held", "unattended-upgrades did not upgrade certbot.")]
    return found + _sound() + silent(result) + schedules(machine, "timer") + renewal(machine)


def _unattended_deleted(machine):
    """A deleted file stays deleted, whether unattended-upgrades upgrades or holds back."""
    machine.baseline(CRON)
    os.unlink(CRON_FILE)
    result = unattended(machine)
    machine.details["certbot"] = [state("certbot"), upgrade_machine.version("certbot")]
    found = kept(None) + _sound() + schedules(machine)
    upgraded = upgrade_machine.version("certbot") == upgrade_machine.newest("certbot")
    if upgraded:
        log = cron_expect.UNATTENDED_LOG
        if COMMAND not in result.text + (read(log) if os.path.exists(log) else ""):
            found.append(Finding("not-told", "Nothing says that the timer is not enabled."))
    return found + machine.certificate.renewal_findings(hook=upgraded)


_HARM = {"xenial-own-copy": ("two-schedules",), "cron-changed": ("two-schedules",),
         "cron-deleted": ("enabled-unasked",)}

CHECKS = tuple(
    check(case.name + "-answer-no", _answered(case, "N", _after_keeping),
          *_HARM.get(case.name, ())) for case in CASES
) + tuple(
    check(case.name + "-answer-yes", _answered(case, "Y", _after_taking),
          *(("enabled-unasked",) if case.start == OLD else ())) for case in CASES
) + (
    check("xenial-own-copy-answer-empty", _answered(CASES[0], "", _after_keeping)),
    check("cron-changed-answer-empty", _answered(CASES[1], "", _after_keeping)),
    check("cron-changed-force-confdef-confold", _beforehand(
        CASES[1], ("confdef", "confold"), _after_keeping), "two-schedules"),
    check("cron-changed-force-confdef-confnew", _beforehand(
        CASES[1], ("confdef", "confnew"), _after_keeping), "two-schedules"),
    check("cron-changed-force-confnew", _beforehand(CASES[1], ("confnew",), _after_taking)),
    check("cron-deleted-force-confnew", _beforehand(CASES[2], ("confnew",), _after_taking)),
    check("xenial-own-copy-force-confnew", _beforehand(
        CASES[0], ("confnew",), _after_taking), "enabled-unasked"),
    check("cron-unchanged-not-asked", _unchanged(CRON)),
    check("both-unchanged-not-asked", _unchanged(BOTH)),
    check("cron-changed-nobody-answers", _nobody),
    check("both-changed-not-overwritten", _overwritten, "conffile"),
    check("cron-unchanged-unattended", _unattended_unchanged),
    check("cron-changed-unattended", _held_back(CRON, ("cron",)), "not-held"),
    check("cron-deleted-unattended", _unattended_deleted),
    check("both-changed-unattended", _held_back(BOTH, ("timer", "cron"))),
    check("xenial-own-cron-file-unattended", _old_held_back),
)
