"""One trial of the campaign: run a plan's processes, then look at everything.

A finding is what no order of the processes, one after the other, could give:
a process that fails or is not silent without a reason, one that never ends, a
lineage that is not whole, a certificate issued twice, a web server that refuses
its configuration or does not serve what was installed, something left behind.

Runs under Python 2.7.
"""

import os
import signal

import race_pairs
import renewals

LOCK = ".certbot.lock"
SILENT = ("renew", "force")
RECOVERY_LIMIT_SECONDS = 60
# After a kill the next run says that it moves the links; that is certbot's own.
HEALING = "Found a new cert /archive/ that was not linked to in /live/; fixing..."


# The CA remembers a certificate that an earlier trial has revoked.
REVOKED = "already revoked"


class Trial(object):
    """A plan in a scene; ``findings`` after ``run``."""

    def __init__(self, plan, scene, disk):
        self.plan = plan
        self.scene = scene
        self.disk = disk
        self.findings = []
        self.kinds = []
        self.killed = any("kill_after" in process for process in plan["processes"])
        self.deleted = set(process["name"] for process in plan["processes"]
                           if process["command"] == "delete")
        self.installs = sorted(set((process["server"], process["name"])
                                   for process in plan["processes"]
                                   if process["command"] == "install"))
        # A server that is told of a lineage which goes away has a broken configuration, rightly.
        self.spoiled = set(server for server, name in self.installs if name in self.deleted)

    def run(self):
        """Run it and look; returns the findings as sentences."""
        self._prepare()
        before = self.scene.issued()
        try:
            runs = self._run_all()
            issued = self.scene.issued() - before
            self._look_at_processes(runs)
            if self.killed:
                self._recover()
            else:
                self._look_at_lineages()
                self._look_at_the_rest(issued)
            self._look_at_servers()
        finally:
            for server in set(server for server, _ in self.installs):
                self.scene.servers[server].put_back()
        return self.findings

    def overlapped(self):
        """How many pairs of writing processes the plan has, for the count of races."""
        number = sum(1 for process in self.plan["processes"]
                     if process["command"] != "certificates")
        return number * (number - 1) // 2

    def _prepare(self):
        self.scene.reset()
        for name in self.scene.names:
            if name not in self.plan["lineages"]:
                self.scene.forget(name)
        self.hook_file = os.path.join(self.scene.base, "hooks")
        if os.path.exists(self.hook_file):
            os.unlink(self.hook_file)

    def _run_all(self):
        processes = self.plan["processes"]
        killer = Killer([process.get("kill_after") for process in processes])
        return race_pairs.run(
            self.scene, [self._arguments(process) for process in processes],
            [process["offset"] for process in processes], self.disk, killer=killer)

    def _arguments(self, process):
        command = process["command"]
        directories = self.scene.directories()
        if command in ("renew", "force"):
            arguments = ["-q", "renew"] + directories + self._hooks(process)
            return arguments + (["--force-renewal"] if command == "force" else [])
        if command in ("certonly", "new"):
            name = process.get("name", "new.example.org")
            return (["certonly"] + self.scene.obtaining(name) + directories
                    + ["--cert-name", name, "--force-renewal"])
        if command == "revoke":
            return ["revoke", "-n", "--server", self.scene.ca.url("/directory"), "--cert-path",
                    os.path.join(self.scene.config, "live", process["name"], "cert.pem")
                    ] + directories
        if command == "delete":
            return ["delete", "-n", "--cert-name", process["name"]] + directories
        if command == "install":
            live = os.path.join(self.scene.config, "live", process["name"])
            return ["install", "-n", "-d", process["name"],
                    "--cert-path", os.path.join(live, "cert.pem"),
                    "--key-path", os.path.join(live, "privkey.pem"),
                    "--chain-path", os.path.join(live, "chain.pem"),
                    "--fullchain-path", os.path.join(live, "fullchain.pem"),
                    "--no-redirect"] + directories + self.scene.servers[process["server"]].options
        return ["certificates"] + directories

    def _hooks(self, process):
        arguments = []
        for kind in process.get("hooks", ()):
            arguments += ["--{0}-hook".format(kind), "sleep {0}; echo {1} >> {2}".format(
                process.get("hook_seconds", 0), kind, self.hook_file)]
        return arguments

    def _find(self, kind, sentence):
        self.kinds.append(kind)
        self.findings.append(sentence)

    def _look_at_processes(self, runs):
        for process, run in zip(self.plan["processes"], runs):
            what = process["command"]
            if run["timed_out"]:
                self._find("stuck", "{0} did not end.".format(what))
                continue
            if "kill_after" in process and run["code"] == -signal.SIGKILL:
                continue
            text = run["output"].strip()
            if self._may_fail(process) or (what == "revoke" and REVOKED in text):
                continue
            if self.killed and what in SILENT:
                text = "\n".join(line for line in text.splitlines() if line != HEALING)
            if run["code"] != 0:
                self._find("exit", "{0} ended with {1}: {2}".format(what, run["code"], text[-300:]))
            elif what in SILENT and text:
                self._find("output", "{0} wrote: {1}".format(what, text[-300:]))

    def _may_fail(self, process):
        """Whether another process of the plan gives it a reason to fail in some order."""
        if process["command"] == "install" and process["server"] in self.spoiled:
            return True
        if process["command"] == "certificates":
            # It only reads and takes no lock: a lineage may go away under its eyes.
            return bool(self.deleted)
        others = [other for other in self.plan["processes"] if other is not process]
        return process["command"] in ("delete", "revoke", "install", "certonly") and any(
            other["command"] == "delete" and other["name"] == process["name"] for other in others)

    def _look_at_lineages(self):
        config = self.scene.config
        for name in race_pairs.names(config):
            for finding in renewals.check_lineage(config, name):
                self._find("lineage-" + finding.kind, finding.sentence)
            if race_pairs.mismatched(config, name):
                self._find(
                    "mismatch", "live/{0} has a certificate with another's key.".format(name))
        for name in self.plan["lineages"]:
            if name not in self.deleted and not os.path.isdir(os.path.join(config, "live", name)):
                self._find("lost", "The lineage {0} is gone.".format(name))

    def _look_at_servers(self):
        """Each site that was asked for is served with its lineage, and no other is changed."""
        for kind in sorted(set(server for server, _ in self.installs) - self.spoiled):
            installed = [name for server, name in self.installs if server == kind]
            for what, sentence in self.scene.servers[kind].wrong(self.scene.config, installed):
                self._find(what, sentence)
        if self.spoiled:
            return
        for part in ("temp_checkpoint", os.path.join("backups", "IN_PROGRESS")):
            if os.path.isdir(os.path.join(self.scene.work, part)):
                self._find("left", "{0} was left in the work directory.".format(part))

    def _look_at_the_rest(self, issued):
        for directory in (self.scene.config, self.scene.work, self.scene.logs):
            if os.path.exists(os.path.join(directory, LOCK)):
                self._find("lock-left", "{0} has a lock file left.".format(directory))
        for parent, _, files in os.walk(self.scene.config):
            for name in files:
                if name.startswith("previous_") or name.endswith(".new"):
                    self._find("left", "{0} was left.".format(os.path.join(parent, name)))
        commands = set(process["command"] for process in self.plan["processes"])
        reading = set(["renew", "certificates"])
        if "renew" in commands and commands <= reading and issued != len(self.plan["lineages"]):
            self._find("issued", "{0} certificates were issued where {1} were due.".format(
                issued, len(self.plan["lineages"])))

    def _recover(self):
        """After a kill the next commands have to end well, and to leave a usable lineage."""
        arguments = ["-q", "renew", "--force-renewal"] + self.scene.directories()
        run, = race_pairs.run(self.scene, [arguments], [0], self.disk)
        text = "\n".join(
            line for line in run["output"].strip().splitlines() if line != HEALING)
        if run["timed_out"] or run["code"] != 0 or text:
            self._find("recovery", "After a kill the next renewal ended with {0}: {1}".format(
                "the time limit" if run["timed_out"] else run["code"], text[-300:]))
            return
        for name in self.plan["lineages"]:
            newest = renewals.versions(self.scene.config, name)[-1:]
            for finding in renewals.check_lineage(self.scene.config, name):
                # What a killed run leaves of a version that is no longer used harms nobody.
                if finding.kind in ("link", "renewal"):
                    self._find("recovery-" + finding.kind, finding.sentence)
            if not newest or race_pairs.mismatched(self.scene.config, name):
                self._find("recovery-mismatch", "After a kill and a renewal live/{0} has a "
                           "certificate with another's key.".format(name))
        for server, name in self.installs:
            process = {"command": "install", "server": server, "name": name}
            run, = race_pairs.run(self.scene, [self._arguments(process)], [0], self.disk)
            if (run["timed_out"] or run["code"] != 0) and server not in self.spoiled:
                self._find("recovery", "After a kill the next install in {0} ended with {1}: {2}"
                           .format(server, run["code"], run["output"].strip()[-300:]))


class Killer(object):
    """Sends SIGKILL to processes so many seconds after their start, None for never."""

    def __init__(self, after):
        self.after = after

    def due(self, number, started, now):
        """Whether process ``number`` is to be killed now; once."""
        if self.after[number] is not None and now - started >= self.after[number]:
            self.after[number] = None
            return True
        return False
