# root: install
# long
# apt-get installs about two hundred packages with their scripts, users, set-id programs and alternatives, and removes some.
# limit: 1500
set -eu
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
before=$(dpkg -l | grep -c '^ii')
apt-get install -y -q --no-install-recommends -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io /debs/*.deb > /tmp/log 2>&1 < /dev/null || tail -n 30 /tmp/log
after=$(dpkg -l | grep -c '^ii'); echo "$((after - before)) of $(ls /debs | wc -l)"
dpkg -l | grep -v '^ii' | grep -c '^i' || true
dpkg --audit | wc -l; dpkg --verify | sort
for p in gcc ruby php lua5.4 convert vim.nox emacs sshd apache2ctl; do command -v $p; done
stat -c '%a %U:%G %n' /usr/bin/sudo /usr/sbin/exim4 /usr/bin/crontab /usr/bin/ssh-agent /var/spool/cron/crontabs
readlink -f /etc/alternatives/vi /etc/alternatives/cc; getent passwd sshd www-data | cut -d: -f1,6,7
ruby -e 'puts 6 * 7'; php -r 'echo 6 * 7, "\n";'; echo 'int main() { return 42; }' | gcc -x c -o /tmp/a - && /tmp/a || echo $?
apt-get remove -y -q -o APT::Sandbox::User=root emacs-nox apache2 > /tmp/log 2>&1 < /dev/null || tail -n 30 /tmp/log
apt-get autoremove -y -q --purge > /tmp/log 2>&1 < /dev/null || tail -n 30 /tmp/log; dpkg -l | grep -c '^ii'
