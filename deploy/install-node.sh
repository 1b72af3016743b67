#!/bin/bash
# Makes moat a runtime of this node's containerd (and of Docker, with --docker). Safe to run again.
#
#   deploy/install-node.sh [--prefix DIR] [--docker] [--remove] BUILD
#
# BUILD is a directory with a release build (build/release); moat is installed from it to DIR
# (default /usr/local). containerd gets /etc/containerd/conf.d/moat.toml, imported by its
# config.toml, of which a copy is kept as config.toml.before-moat. The daemons are restarted only
# when something changed and systemd runs them; else a line says what to restart.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
prefix=/usr/local docker= remove= build=
containerd_config=${CONTAINERD_CONFIG:-/etc/containerd/config.toml}
docker_config=${DOCKER_CONFIG_FILE:-/etc/docker/daemon.json}

fail() {
  echo "install-node: $*" >&2
  exit 1
}

while (($#)); do
  case $1 in
    --prefix) prefix=${2:?--prefix needs a directory}; shift ;;
    --docker) docker=1 ;;
    --remove) remove=1 ;;
    -*) fail "unknown flag $1 (see the head of this script)" ;;
    *) build=$1 ;;
  esac
  shift
done
[[ $(id -u) == 0 ]] || fail "run this as root"
[[ $remove || -x $build/bin/moat ]] || fail "there is no $build/bin/moat: give the directory of a release build"

snippet=$(dirname "$containerd_config")/conf.d/moat.toml

restart() { # service
  if [[ -d /run/systemd/system ]] && systemctl is-active --quiet "$1"; then
    systemctl restart "$1"
    echo "restarted $1"
  else
    echo "restart $1 to have it see the change"
  fi
}

# containerd merges the files that `imports` names; a config.toml that has an `imports` of its own
# is left to its owner.
import_snippet() {
  mkdir -p "$(dirname "$snippet")"
  [[ -e $containerd_config ]] || echo 'version = 2' >"$containerd_config"
  local wanted="imports = [\"$(dirname "$snippet")/*.toml\"]"
  grep -qxF "$wanted" "$containerd_config" && return
  if grep -q '^[[:space:]]*imports' "$containerd_config"; then
    fail "$containerd_config has an imports line: add \"$(dirname "$snippet")/*.toml\" to it, then run this again"
  fi
  cp "$containerd_config" "$containerd_config.before-moat"
  # Top-level keys must stand before the first table.
  { echo "$wanted"; cat "$containerd_config.before-moat"; } >"$containerd_config"
}

edit_docker() { # python expression that changes the dict `config`
  mkdir -p "$(dirname "$docker_config")"
  python3 - "$docker_config" "$1" <<'PYTHON'
import json, os, sys
path, change = sys.argv[1:]
config = json.load(open(path)) if os.path.exists(path) and os.path.getsize(path) else {}
exec(change)
with open(path + ".new", "w") as out:
    json.dump(config, out, indent=2)
os.replace(path + ".new", path)
PYTHON
}

if [[ $remove ]]; then
  rm -f "$snippet" "$prefix/bin/moat"
  rm -rf "$prefix/libexec/moat"
  [[ ! $docker ]] || edit_docker 'config.get("runtimes", {}).pop("moat", None)'
  [[ ! -e $containerd_config ]] || restart containerd
  [[ ! $docker ]] || restart docker
  exit 0
fi

cmake --install "$build" --prefix "$prefix" >/dev/null
"$prefix/bin/moat" do -- true || fail "moat is installed but cannot run here; the line above says why"
import_snippet
sed "s|/usr/local/bin/moat|$prefix/bin/moat|" "$here/containerd-config.toml" >"$snippet"
restart containerd
if [[ $docker ]]; then
  edit_docker "config.setdefault('runtimes', {})['moat'] = {'path': '$prefix/bin/moat'}"
  restart docker
fi
echo "moat is in $prefix/bin. For Kubernetes: kubectl label node NAME moat=installed," \
  "and kubectl apply -f $here/kubernetes/runtimeclass.yaml"
