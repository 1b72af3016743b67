#!/bin/bash
# Configures and builds a preset; quiet unless it fails or VERBOSE=1.
#
#   build.sh PRESET [target ...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:?usage: build.sh PRESET [target ...]}
shift
targets=()
(($#)) && targets=(--target "$@")

build() {
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build "build/$preset" "${targets[@]}"
}

if [[ ${VERBOSE:-0} == 1 ]]; then
  build >&2
  exit
fi
mkdir -p "build/$preset"
log=build/$preset/build.log
[[ -f build/$preset/build.ninja ]] || echo "building moat ($preset), once; VERBOSE=1 shows how" >&2
# Not `if ! build`: that would switch off errexit inside it.
(build) >"$log" 2>&1 </dev/null || {
  tail -n 60 "$log" >&2
  echo "build.sh: building preset $preset failed; the whole log is $log" >&2
  exit 1
}
