"""Runs the checks of one upgrade test, or their control, on this testbed.

Runs under Python 2.7 and 3.
"""

from __future__ import print_function

import os
import shutil
import tempfile

import upgrade_certificate
import upgrade_check
import upgrade_machine


def main(module, description, arguments, control=False):
    """Run a test or its control; returns the exit code.

    ``module`` has NAME and CHECKS.  It changes the whole system: only for root
    under autopkgtest.
    """
    if os.geteuid() != 0 or not (
            os.environ.get("AUTOPKGTEST_TMP") or os.environ.get("ADTTMP")):
        print("Broken: this changes the system's packages, and is only for a throw-away testbed "
              "of autopkgtest, as root.")
        return 2
    # Not in /tmp: certbot.service has one for itself, and must find the challenges' folder.
    base = tempfile.mkdtemp(prefix="upgrade.", dir="/var/lib")
    certificate = None
    try:
        certificate = upgrade_certificate.Certificate(base)
        target = upgrade_machine.BOTH if control else "update"
        machine = upgrade_machine.Machine(certificate, target)
        return upgrade_check.main(
            module.NAME, description, module.CHECKS, machine, arguments, control)
    except upgrade_check.Broken as error:
        print("Broken: {0}".format(error))
        return 2
    finally:
        if certificate is not None:
            certificate.close()
        shutil.rmtree(base, ignore_errors=True)
