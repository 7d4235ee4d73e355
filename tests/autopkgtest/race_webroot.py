"""Race a certbot with webroot as the shipped test does, or as its control does.

with_acme.py race_webroot.py test|control ARTIFACTS CERTBOT...
"""

from __future__ import annotations

import shlex
import sys

import acme_ca
import harm
import renewals

kind, artifacts, *certbot = sys.argv[1:]
cases = [case for case in renewals.CASES if case.authenticator == "webroot"]
if kind == "test":
    sys.exit(
        renewals.main(
            lambda case, base: renewals.Scene(case, base, acme_ca.Server(), certbot),
            artifacts,
            cases,
        )
    )
options = ["--certbot", shlex.join(certbot), "--artifacts", artifacts, "--rounds", "2"]
sys.exit(harm.main(options, cases))
