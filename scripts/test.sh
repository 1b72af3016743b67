#!/bin/bash
# Installs what is missing, builds, runs every test and closes with ctest's own summary.
#
#   scripts/test.sh [ctest argument ...]     for instance: scripts/test.sh -L security
#
# Tests with the label "long", "clients", "suites" or "vm" run only when asked for: scripts/test.sh -L long
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install_deps.sh --tests
scripts/build.sh release

# Everything but the unit tests needs root: namespaces, cgroups, and mounts are set up and looked at.
as_root=()
[[ $(id -u) == 0 ]] || as_root=(sudo --preserve-env=MOAT_CACHE,HOME,CI)

selection=("$@")
(($#)) || selection=(--label-exclude '^(long|clients|suites|vm)$')
exec "${as_root[@]}" ctest --test-dir build/release --output-on-failure --parallel 2 \
  "${selection[@]}" </dev/null
