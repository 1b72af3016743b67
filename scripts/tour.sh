#!/bin/bash
# A short tour: what a process inside the sandbox sees, each line a real run.
#
#   tour.sh PATH_OF_MOAT
set -uo pipefail
moat=${1:?usage: tour.sh PATH_OF_MOAT}

title() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[[ -t 1 ]] || title() { printf '\n# %s\n' "$1"; }

# Shows a command and what it prints inside the sandbox.
inside() {
  printf '$ %s\n' "$*"
  timeout -k 5 60 "$moat" do --no-tty -- sh -c "$*" </dev/null 2>&1 | sed 's/^/  /'
}

title "Who and where am I"
inside 'id -un; hostname; pwd'

title "The only processes there are"
inside 'ps -eo pid,user,comm'

title "The system is there, but what is written goes to a layer in memory that dies with the run"
inside 'echo hello > /etc/motd && cat /etc/motd'
printf '$ cat /etc/motd        (on the host, afterwards)\n'
head -n 2 /etc/motd 2>/dev/null | sed 's/^/  /'

title "The current directory can be read, not written"
inside 'touch ./here'

title "Secrets are not there"
inside 'cat /etc/shadow; ls -A /root | head -n 3'

title "No network unless asked for (--net host)"
inside 'grep -c : /proc/net/dev; bash -c "exec 3<>/dev/tcp/127.0.0.1/22"'

title "No way to new namespaces or mounts"
inside 'unshare --mount true; mount -t tmpfs none /mnt'

title "What the sandbox did for \`true\` (--trace)"
printf '$ moat do --trace -- true\n'
timeout -k 5 60 "$moat" do --no-tty --trace -- true </dev/null 2>&1 |
  sed -n '/ execve/,$p' | head -n 12 | sed 's/^/  /'

title "More"
echo "  scripts/run.sh COMMAND ...            runs a command"
echo "  build/release/bin/moat do --help      all flags"
