#!/bin/bash
# Installs what is missing of the Debian packages that moat needs. Does nothing, quickly, when all
# are there.
#
#   install_deps.sh           what building and running needs
#   install_deps.sh --tests   and what the tests need
#   install_deps.sh --clients and the clients of the tests with label "clients"; their services are
#                             not started
#   install_deps.sh --vm      and what the tests in a virtual machine need (label "vm")
set -euo pipefail

build_packages=(
  ca-certificates cmake g++ git libabsl-dev libbenchmark-dev libcap-dev libcli11-dev libgmock-dev
  libgtest-dev libseccomp-dev libsystemd-dev ninja-build nlohmann-json3-dev pkg-config
)
# gcc-multilib is not needed: the guests make their i386 calls from 64-bit code.
test_packages=(
  debian-archive-keyring iproute2 mmdebstrap musl-tools procps psmisc python3 python3-jsonschema runc
  tmux uidmap util-linux
)

client_packages=(
  bsdutils catatonit conmon containerd containernetworking-plugins docker.io fuse-overlayfs podman
  python3-grpcio python3-protobuf slirp4netns umoci
)

vm_packages=(e2fsprogs qemu-system-x86)

wanted=("${build_packages[@]}")
[[ ${1:-} == --tests || ${1:-} == --clients || ${1:-} == --vm ]] && wanted+=("${test_packages[@]}")
[[ ${1:-} == --clients ]] && wanted+=("${client_packages[@]}")
[[ ${1:-} == --vm ]] && wanted+=("${vm_packages[@]}")

# dpkg-query prints a line per known package and fails for unknown ones; only the lines count.
installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "${wanted[@]}" \
  2>/dev/null | sed -n 's/^installed //p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install_deps: to install ${missing[*]}, run this as root (there is no sudo here)" >&2
    exit 1
  }
  as_root=(sudo)
fi
# Another apt may be at work, as on a machine that has just started: wait for it.
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes
  --no-install-recommends -o DPkg::Lock::Timeout=300)

echo "installing ${missing[*]}" >&2
log=$(mktemp)
policy=/usr/sbin/policy-rc.d # invoke-rc.d(8) asks it whether a service may be started
trap 'rm -f "$log" ${own_policy:-}' EXIT
if [[ ${1:-} == --clients && ! -e $policy ]]; then
  own_policy=$policy
  "${as_root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
fi
# The lists may be old or not there at all: refresh them only then.
if ! "${install[@]}" "${missing[@]}" </dev/null >"$log" 2>&1; then
  "${as_root[@]}" apt-get update </dev/null >"$log" 2>&1 || true
  if ! "${install[@]}" "${missing[@]}" </dev/null >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "install_deps: apt-get could not install ${missing[*]}" >&2
    exit 1
  fi
fi
