#!/bin/bash
# Makes (once) a Debian 12 root file system for the tests and prints its path.
#
#   build_rootfs.sh base|apps|guest
#
# The packages are those of NAME.packages beside this file; NAME.customize, where there is one, is
# called with the root's path at the end. The root is cached outside the repository, in $MOAT_CACHE
# (default ~/.cache/moat), under a name that changes with both, so a changed list makes a new root. Exit 77: the packages cannot be had (no mirror answers, or no
# mmdebstrap), the reason on stderr; 1: anything else.
set -euo pipefail

readonly kName=${1:?usage: build_rootfs.sh base|apps|guest}
readonly kHere=$(cd "$(dirname "$0")" && pwd)
readonly kList=$kHere/$kName.packages
readonly kCache=${MOAT_CACHE:-${HOME:-/root}/.cache/moat}
readonly kFormat=1 # raise it when this script makes roots differently

[[ -f $kList ]] || { echo "build_rootfs: no package list $kList" >&2; exit 1; }
packages=$(sed -e 's/#.*//' "$kList" | xargs | tr ' ' ',')
customize=()
# A package written NAME/bookworm-backports is from there.
[[ $packages != *bookworm-backports* ]] ||
  customize+=(--setup-hook='sed --in-place "p;s/ bookworm main/ bookworm-backports main/" "$1/etc/apt/sources.list"')
[[ ! -e $kHere/$kName.customize ]] || customize+=(--customize-hook="$kHere/$kName.customize")
key=$({
  printf '%s %s' "$kFormat" "$packages"
  cat "$kHere/$kName.customize" 2>/dev/null || true
} | sha256sum | cut -c1-12)
readonly root=$kCache/debian12-$kName-$key

mkdir -p "$kCache"
# One builder at a time: a second one waits here and then finds the work done.
exec 9>"$kCache/.lock-$kName"
flock 9
if [[ -d $root ]]; then
  echo "$root"
  exit 0
fi

if ! command -v mmdebstrap >/dev/null; then
  echo "build_rootfs: mmdebstrap is not installed (scripts/install_deps.sh installs it)" >&2
  exit 77
fi
if [[ $(id -u) != 0 ]]; then
  echo "build_rootfs: needs root to unpack files of several owners" >&2
  exit 77
fi

partial=$root.partial.$$
log=$kCache/$kName.log
trap 'rm -rf --one-file-system "$partial"' EXIT
# The workload's root must be reachable by mapped users: mmdebstrap makes it 0755.
if ! mmdebstrap --mode=root --variant=minbase --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
  --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "${customize[@]}" --skip=check/empty bookworm "$partial" >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  echo "build_rootfs: mmdebstrap failed for the root '$kName'; the whole log is $log" >&2
  # Only a mirror that does not answer is a reason to skip.
  grep -qE 'Unable to fetch|Could not (resolve|connect)|Failed to fetch|apt-get update.*failed' "$log" && exit 77
  exit 1
fi
chmod 0755 "$partial"
mv "$partial" "$root"
trap - EXIT
# Roots of older lists are of no use any more.
for old in "$kCache/debian12-$kName-"*; do
  [[ $old == "$root" ]] || rm -rf --one-file-system "$old"
done
echo "$root"
