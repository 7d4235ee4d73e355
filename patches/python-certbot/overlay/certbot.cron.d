# Renewal of the certificates that certbot manages, where systemd does not run.
#
# Where systemd runs, this job does nothing: certbot.timer has the same schedule.
# Both obey one switch, whether certbot.timer is enabled: systemctl enable and disable
# turn it on and off for systemd and cron alike. After a random part of the 12 hours
# until the job begins next it renews, unless certbot is in the middle of an upgrade.

SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

0 */12 * * * root test -x /usr/bin/certbot -a \! -d /run/systemd/system && perl -e 'sleep int(rand(43200))' && test -x /usr/bin/certbot -a -e /etc/systemd/system/timers.target.wants/certbot.timer -a \! -c /etc/systemd/system/certbot.timer && { dpkg-query -W -f 'certbot renews nothing: ${Package} is ${db:Status-Status}\n' certbot python-certbot python-acme python-filelock 2>/dev/null | grep -E ' is (unpacked|half-)' || certbot -q renew; }
