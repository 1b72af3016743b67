#!/bin/bash
# Runs a command in a sandbox on a copy-on-write view of this machine:
#
#   scripts/run.sh [command ...]
#
# Without a command: an interactive shell on a terminal, else a short tour of the sandbox. Installs
# what is missing and builds first (only what changed). The exit code is the command's. It is
# `moat do` underneath: build/release/bin/moat do --help shows what else it can do.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
moat=$here/../build/release/bin/moat

"$here/install_deps.sh"
"$here/build.sh" release moat moat-sentry moat-gofer moat-resolver moat-loader

as_root=()
[[ $(id -u) == 0 ]] || as_root=(sudo)

if (($#)); then
  exec "${as_root[@]}" "$moat" do -- "$@"
elif [[ -t 0 && -t 1 ]]; then
  exec "${as_root[@]}" "$moat" do -- bash -i
else
  exec "${as_root[@]}" "$here/tour.sh" "$moat"
fi
