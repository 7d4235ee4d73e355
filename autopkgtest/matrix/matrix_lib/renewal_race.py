"""The scene of a race as the matrix needs it: put back, on a CA of its own, with a web server.

Runs under Python 2.7.
"""

import os
import shutil

import renewals
import tls_servers

# The plugin proves the name through its server by tls-sni-01, and reloads that.
SERVER_CASES = [renewals.Case(reason, kind, "own")
                for kind in tls_servers.KINDS for reason in ("due", "forced")]


class Scene(renewals.Scene):
    """As in the shipped test, with ``reset``; Apache or nginx where the case names it."""

    def __init__(self, case, base, certbot=("certbot",), limit_seconds=renewals.LIMIT_SECONDS):
        import matrix_ca  # of python-acme, which only a testbed has

        self._tls = port = None
        if case.authenticator in tls_servers.KINDS:
            port = renewals.free_port()
        renewals.Scene.__init__(self, case, base, matrix_ca.CA(port), certbot, limit_seconds)
        if port is not None:
            place = os.path.join(self.base, "server")
            os.mkdir(place)
            self._tls = tls_servers.make(case.authenticator, place, renewals.NAME, port)
            self.environment.update(self._tls.environment)

    def __exit__(self, *_):
        if self._tls is not None:
            self._tls.stop()
        renewals.Scene.__exit__(self)

    def obtain(self):
        """Obtain the certificate, and let the server serve it."""
        try:
            if self._tls is not None:
                self._tls.start()
            renewals.Scene.obtain(self)
            for number, path in enumerate(self.roots):
                shutil.copytree(path, self._saved(number), symlinks=True)
            if self._tls is not None:
                self._tls.use(self.config)
        except tls_servers.ServerError as error:
            raise renewals.SceneError(str(error))

    def obtain_command(self):
        """The command that obtains the certificate."""
        command = renewals.Scene.obtain_command(self)
        if self._tls is not None:
            command += ["--preferred-challenges", "tls-sni",
                        "--tls-sni-01-port", str(self._tls.port)] + self._tls.options
        return command

    def findings(self):
        """What is wrong with the certificate now, and with what a server hands out of it."""
        found = renewals.Scene.findings(self)
        return found + (self._tls.findings(self.config) if self._tls is not None else [])

    def reset(self):
        """Put the directories of certbot and a server back to how they were at first."""
        for number, path in enumerate(self.roots):
            shutil.rmtree(path)
            shutil.copytree(self._saved(number), path, symlinks=True)
        if self._tls is not None:
            try:
                self._tls.reset()
            except tls_servers.ServerError as error:
                raise renewals.SceneError(str(error))

    def keep_logs(self, directory):
        """Copy certbot's logs to a directory, for the evidence."""
        target = os.path.join(directory, "-".join(self.case))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.logs, target)

    def _saved(self, number):
        return os.path.join(self.base, "saved", str(number))
