"""Certbot 0.14.2, which runs beside the packages from a directory of its own.

It comes from the packages certbot-upstream-0.14 and the like, or from the
directory that the environment variable CERTBOT_014 names: one for PYTHONPATH
that holds certbot and acme of that version with their egg-info, and the
plugins of that version where the packages' plugins are installed.

Runs under Python 2.7 and 3.
"""

import os
import subprocess

import lock_variant
import renewals

VARIABLE = "CERTBOT_014"
DIRECTORY = "/opt/certbot-0.14.2"
VERSION = "certbot 0.14.2"
START = "import sys; sys.argv[0] = 'certbot'; from certbot.main import main; sys.exit(main())"
REFUSES = "Another instance of Certbot is already running"
ROOT_TAKEN = "PluginError('Unable to lock %s'"


class Missing(renewals.SceneError):
    """There is no usable certbot 0.14.2; one sentence."""


def present():
    """Whether it is installed, or named."""
    return VARIABLE in os.environ or os.path.isdir(DIRECTORY)


def command():
    """The command that runs it; Missing when it is not there or is another version."""
    directory = os.path.abspath(os.environ.get(VARIABLE) or DIRECTORY)
    if not os.path.isdir(os.path.join(directory, "certbot")):
        raise Missing("There is no certbot 0.14.2 in {0}: install certbot-upstream-0.14, or set "
                      "{1} to a directory that holds it.".format(directory, VARIABLE))
    found = ["env", "PYTHONPATH=" + directory, "PYTHONWARNINGS=ignore",
             lock_variant.INTERPRETER, "-W", "ignore", "-c", START]
    asked = subprocess.Popen(found + ["--version"], env=renewals.environment(), cwd="/",
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = asked.communicate()[0].decode("utf-8", "replace").strip()
    if asked.returncode != 0 or text.splitlines()[-1:] != [VERSION]:
        raise Missing("{0} should hold {1}, and says: {2}".format(directory, VERSION, text[-300:]))
    return found
