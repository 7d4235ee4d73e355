"""Which variant of certbot is installed, and copies of it with one line changed.

Runs under Python 2.7 and 3.
"""

import os
import shutil
import subprocess

import lock_check

INTERPRETER = "python2.7"


class VariantError(Exception):
    """The installed certbot cannot be examined or changed; one sentence."""


def package_directory():
    """The directory of the certbot package that the command runs."""
    asked = subprocess.Popen(
        [INTERPRETER, "-W", "ignore", "-c", "import certbot; print(certbot.__file__)"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
    said, errors = asked.communicate()
    if asked.returncode != 0:
        raise VariantError("certbot cannot be imported: {0}".format(
            errors.decode("utf-8", "replace").strip()[-300:]))
    return os.path.dirname(said.decode("utf-8", "replace").strip())


def variant_of(directory):
    """patched, naive or unpatched, from what the package in a directory holds."""
    if os.path.isfile(os.path.join(directory, "lock.py")):
        return lock_check.PATCHED
    with open(os.path.join(directory, "main.py"), "rb") as source:
        return lock_check.NAIVE if b"filelock.FileLock(" in source.read() else lock_check.UNPATCHED


def changed(text, mutation):
    """The text of a module with the mutation's line changed; VariantError where it is not there.

    Exactly one occurrence: a mutation that hits nothing would be a control of nothing.
    """
    found = text.count(mutation.old)
    if found != 1:
        raise VariantError(
            "The mutation {0!r} does not apply: {1} holds its line {2} times. Adapt it to the "
            "patch.".format(mutation.name, mutation.path, found))
    result = text.replace(mutation.old, mutation.new)
    lines = [sum(1 for _ in part.splitlines()) for part in (text, result)]
    if lines[0] != lines[1]:
        raise VariantError("The mutation {0!r} changes the number of lines.".format(mutation.name))
    return result


def mutated_copy(directory, mutation, target):
    """Copy the package to ``target``/certbot with the mutation applied; returns ``target``.

    With ``target`` in PYTHONPATH, the certbot command runs the copy.
    """
    # An ordinary user of a check imports it too.
    os.chmod(target, 0o755)
    copy = os.path.join(target, "certbot")
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*.pyc"))
    path = os.path.join(copy, mutation.path)
    with open(path) as source:
        text = changed(source.read(), mutation)
    with open(path, "w") as stream:
        stream.write(text)
    compiled = subprocess.Popen(
        [INTERPRETER, "-c", "import sys; compile(open(sys.argv[1]).read(), 'm', 'exec')", path],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = compiled.communicate()[0].decode("utf-8", "replace")
    if compiled.returncode != 0:
        raise VariantError("The mutation {0!r} is no Python: {1}".format(
            mutation.name, said.strip()[-300:]))
    return target
