# apt-get installs a local package, dpkg lists and removes it.
# limit: 120
set -eu
mkdir -p /tmp/p/DEBIAN /tmp/p/usr/local/bin && cd /tmp
printf 'Package: hello-moat\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: test\n' > p/DEBIAN/control
printf '#!/bin/sh\necho "postinst $1"\n' > p/DEBIAN/postinst && chmod 0755 p/DEBIAN/postinst
printf '#!/bin/sh\necho installed and running\n' > p/usr/local/bin/hello-moat && chmod 0755 p/usr/local/bin/hello-moat
dpkg-deb --root-owner-group -b p hello.deb
apt-get install -y -o APT::Sandbox::User=root ./hello.deb > log 2>&1 || { cat log; exit 1; }
grep -c 'postinst configure' log; hello-moat; dpkg -s hello-moat | grep Status; dpkg -L hello-moat | tail -n 1
apt-get remove -y hello-moat > log 2>&1 || { cat log; exit 1; }
command -v hello-moat || echo removed
