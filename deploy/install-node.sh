#!/bin/bash
# Makes moat a runtime of this node's containerd (and of Docker, with --docker). Safe to run again.
#
#   deploy/install-node.sh [--prefix DIR] [--docker] [--remove] BUILD
#
# BUILD is a directory with a release build (build/release); moat is installed from it to DIR
# (default /usr/local). The runtime is written to the end of /etc/containerd/config.toml, between two
# lines that name moat; a copy of what was there is kept as config.toml.before-moat. The daemons are
# restarted only when systemd runs them; else a line says what to restart.
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

readonly kBegin='# moat: written by install-node.sh' kEnd='# moat: end'

restart() { # service
  if [[ -d /run/systemd/system ]] && systemctl is-active --quiet "$1"; then
    systemctl restart "$1"
    echo "restarted $1"
  else
    echo "restart $1 to have it see the change"
  fi
}

without_moat() { # the file, less what an earlier run wrote
  sed "/^$kBegin\$/,/^$kEnd\$/d" "$1"
}

edit_containerd() {
  mkdir -p "$(dirname "$containerd_config")"
  [[ -e $containerd_config ]] || echo 'version = 2' >"$containerd_config"
  local plugin=io.containerd.grpc.v1.cri
  if grep -qE '^[[:space:]]*version[[:space:]]*=[[:space:]]*3' "$containerd_config"; then
    plugin=io.containerd.cri.v1.runtime
  elif ! grep -qE '^[[:space:]]*version[[:space:]]*=[[:space:]]*2' "$containerd_config"; then
    fail "$containerd_config is of neither version 2 nor 3: migrate it first (containerd config migrate)"
  fi
  grep -qxF "$kBegin" "$containerd_config" || cp "$containerd_config" "$containerd_config.before-moat"
  {
    without_moat "$containerd_config"
    echo "$kBegin"
    # The first runtime that is named hides the built-in runc, which stays the default.
    if ! without_moat "$containerd_config" | grep -qE '^[[:space:]]*\[plugins\..*\.runtimes\.runc\]'; then
      printf '[plugins."%s".containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n' "$plugin"
    fi
    sed -e '/^#/d' -e "s|io.containerd.grpc.v1.cri|$plugin|" -e "s|/usr/local/bin/moat|$prefix/bin/moat|" \
      "$here/containerd-config.toml"
    echo "$kEnd"
  } >"$containerd_config.new"
  mv "$containerd_config.new" "$containerd_config"
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
  rm -f "$prefix/bin/moat"
  rm -rf "$prefix/libexec/moat"
  [[ ! $docker ]] || edit_docker 'config.get("runtimes", {}).pop("moat", None)'
  if [[ -e $containerd_config ]]; then
    without_moat "$containerd_config" >"$containerd_config.new"
    mv "$containerd_config.new" "$containerd_config"
    restart containerd
  fi
  [[ ! $docker ]] || restart docker
  exit 0
fi

cmake --install "$build" --prefix "$prefix" >/dev/null
"$prefix/bin/moat" do -- true || fail "moat is installed but cannot run here; the line above says why"
edit_containerd
restart containerd
if [[ $docker ]]; then
  edit_docker "config.setdefault('runtimes', {})['moat'] = {'path': '$prefix/bin/moat'}"
  restart docker
fi
echo "moat is in $prefix/bin. For Kubernetes: kubectl label node NAME moat=installed," \
  "and kubectl apply -f $here/kubernetes/runtimeclass.yaml"
