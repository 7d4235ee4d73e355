# Renewal of the certificates that certbot manages, where systemd does not run.
#
# Where systemd runs, this job does nothing: certbot.timer has the same schedule.
# Both obey one switch, whether certbot.timer is enabled: with systemctl enable
# or disable certbot.timer it is turned on and off for systemd and cron alike.
# The job waits for a random part of the 12 hours until it begins next.

SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

0 */12 * * * root if [ -x /usr/lib/certbot/scheduled-renewal ] && [ ! -d /run/systemd/system ]; then perl -e 'sleep int rand 43200' && /usr/lib/certbot/scheduled-renewal cron; fi
