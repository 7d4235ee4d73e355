"""Jobs of an administrator's own that renew, one of each kind, and those that do not.

Each is a file with its mode and the place that the package's notice has to name.

Runs under Python 2.7 and 3.
"""

import collections

import upgrade_machine


class Job(collections.namedtuple("Job", "name files place")):
    """One job: ``files`` as (path, text, mode), ``place`` how the list names it, "" for not."""

    def put(self):
        """Write its files."""
        for path, text, mode in self.files:
            upgrade_machine.write(path, text, mode)


JOBS = (
    Job("etc-crontab-letsencrypt", (
        ("/etc/crontab", "17 4 * * 1 root letsencrypt renew --post-hook 'true'\n", 0o644),),
        "/etc/crontab"),
    Job("cron-d-path-and-options", (
        ("/etc/cron.d/own-job", "MAILTO=root\n3 3 * * * root /usr/bin/certbot renew --quiet "
         "--pre-hook \"systemctl stop nginx\"\n", 0o644),), "/etc/cron.d/own-job"),
    Job("cron-d-auto-behind-cd", (
        ("/etc/cron.d/own-auto", "30 2 * * 1 root cd /opt/letsencrypt && ./certbot-auto renew\n",
         0o644),), "/etc/cron.d/own-auto"),
    Job("cron-daily", (
        ("/etc/cron.daily/own-renew", "#!/bin/sh\n/opt/letsencrypt/letsencrypt-auto renew\n",
         0o755),), "/etc/cron.daily/own-renew"),
    Job("cron-hourly", (
        ("/etc/cron.hourly/own-renew", "#!/bin/bash\nexec certbot renew -n\n", 0o755),),
        "/etc/cron.hourly/own-renew"),
)
NOT_JOBS = (
    Job("commented-out", (
        ("/etc/cron.d/own-off", "# 1 1 * * * root certbot renew\n", 0o644),), ""),
    Job("a-name-that-cron-skips", (
        ("/etc/cron.d/own-job.bak", "1 1 * * * root certbot renew\n", 0o644),), ""),
    Job("a-crontab-of-a-user", (
        ("/var/spool/cron/crontabs/root", "@daily certbot renew\n", 0o600),), ""),
)
