"""The lock where the system refuses it, in unusual directories, and for an ordinary user.

Runs under Python 2.7 and 3.
"""

import os
import sys

import lock_check
import lock_enolck
import lock_limits
import lock_mounts
import lock_place
import lock_security

NAME = "lock-environment"
NOBODY = 65534


def _as_before(place, command, **options):
    """Run a command that cannot lock the configuration: it goes on as it did without a lock."""
    result = place.run(command, **options)
    return lock_place.ended_well(result) + _logged(place, [place.config])


def _logged(place, directories):
    """Findings where the log does not say once of each directory that it was not locked."""
    with open(os.path.join(place.logs, "letsencrypt.log"), "rb") as source:
        text = source.read().decode("utf-8", "replace")
    found = [(path, text.count("Unable to lock {0}: ".format(path))) for path in directories]
    return [lock_check.Finding("warning", "The log says {0} times that {1} was not locked.".format(
        count, path)) for path, count in found if count != 1]


def _read_only(place):
    lock_mounts.need_mounts(place.config)
    place.nothing_due()
    return _as_before(place, lock_mounts.within(
        lock_mounts.READ_ONLY, place.config, place.renewal()))


def _no_inodes(place):
    lock_mounts.need_mounts(place.config)
    place.nothing_due()
    return _as_before(place, lock_mounts.within(
        lock_mounts.NO_INODES, place.config, place.renewal()))


def _no_locks(place):
    mark = lock_enolck.inject(place.spare("inject"), place.environment)
    place.details["injected"] = "fcntl.lockf and fcntl.flock raise ENOLCK, by a sitecustomize"
    result = place.run(place.renewal())
    if not os.path.exists(mark) and not result.timed_out:
        return [lock_check.Finding("not-tried", "certbot met no ENOLCK: it tried no lock.")]
    return lock_place.renewed(place, result) + _logged(place, place.directories)


def _full(place):
    """The disk is full in the middle of a renewal: released; when there is room, it goes on."""
    lock_mounts.need_mounts(place.config)
    report = place.spare("report")
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {
        "REPORT": report, "WORK": place.work, "LOGS": place.logs,
        "LINEAGE": "{0} {1}".format(sys.executable, os.path.join(here, "check_lineages.py"))}
    ran = place.run(lock_mounts.within(
        lock_mounts.FULL_THEN_FREE, place.config, place.renewal()), environment=environment)
    if ran.timed_out or ran.returncode == 120:
        return [lock_check.Finding("blocked", "The renewals on a full disk did not end.")]
    read = dict((name, _text(report, name)) for name in (
        "first", "first.out", "left", "second", "second.out", "lineage", "lineage.code"))
    place.details.update(read)
    if read["first"] == "0" or "No space left" not in read["first.out"] + place.log_text():
        raise lock_place.PlaceError("The disk was not full: {0}".format(read["first.out"][-300:]))
    found = []
    if read["left"]:
        found.append(lock_check.Finding("left-over", "Lock files are left: " + read["left"]))
    if read["second"] != "0" or read["second.out"]:
        found.append(lock_check.Finding(
            "exit", "With room again certbot ended with {0}: {1}".format(
                read["second"], read["second.out"][-500:])))
    if read["lineage.code"] != "0":
        found.append(lock_check.Finding("lineage", read["lineage"]))
    return found


def _text(directory, name):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        raise lock_place.PlaceError("The run on a full disk left no report {0}.".format(name))
    with open(path) as source:
        return source.read().strip()


def _held_renewal(place, command, versions=(1, 2), directories=None, **options):
    """A renewal during which others are kept out of all its directories."""
    folder = place.spare("hook")
    os.chmod(folder, 0o777)
    report = os.path.join(folder, "report")
    result = place.run(
        command + ["--pre-hook", place.probe_hook(report, directories)], **options)
    return (lock_place.renewed(place, result, versions) +
            lock_place.held_findings(place, report, directories))


def _readable_only(place):
    """An ordinary user may read the configuration and not write: as without a lock."""
    if os.geteuid() != 0:
        raise lock_check.Skipped("Only root can become another user.")
    place.nothing_due()
    os.chmod(place.base, 0o755)
    for top in (place.work, place.logs):
        for parent, _, files in os.walk(top):
            os.chown(parent, NOBODY, NOBODY)
            for name in files:
                os.lchown(os.path.join(parent, name), NOBODY, NOBODY)
    for parent, _, files in os.walk(place.config):
        os.chmod(parent, 0o755)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o644)
    return _as_before(place, place.renewal(), preexec=lock_place.become(NOBODY))


def _config_is_work(place):
    """One directory is both, by one name and by two: one lock, held all the time."""
    found = _held_renewal(
        place, place.command("-q", "renew", work=place.config),
        directories=[place.logs, place.config])
    alias = os.path.join(place.spare("alias"), "work")
    os.symlink(place.config, alias)
    return found + _held_renewal(
        place, place.command("-q", "renew", "--force-renewal", work=alias), (1, 2, 3),
        directories=[place.logs, place.config])


CHECKS = (
    lock_check.Check("read-only-config", lock_check.on_naive("exit"), _read_only),
    lock_check.Check("no-inodes", lock_check.on_naive("exit"), _no_inodes),
    lock_check.Check("enolck", lock_check.on_naive("blocked"), _no_locks),
    lock_check.Check("full-disk", lock_check.on_naive("left-over"), _full),
    lock_check.Check("readable-config", lock_check.on_naive("exit"), _readable_only),
    lock_check.Check("config-is-work", lock_check.mutated(
        "directories of one device count as the same",
        "if (info.st_dev, info.st_ino) not in directories:",
        "if info.st_dev not in dict(directories):", "not-held"), _config_is_work),
) + lock_security.CHECKS + lock_limits.CHECKS
