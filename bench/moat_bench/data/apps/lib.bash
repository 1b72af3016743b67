# Read by every script: it must have what it needs, and prints one line "RESULT VALUE UNIT" (s: seconds, less is better; 1/s: more is).
set -eu
export HOME=/tmp LC_ALL=C
cd /tmp

needs() {
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "SKIP the root file system has no $program"; exit 0; }
  done
}

# Runs its arguments and prints how long they took.
measure() {
  local start=$EPOCHREALTIME
  "$@" >/tmp/log 2>&1 || { tail -n 5 /tmp/log >&2; exit 1; }
  local end=$EPOCHREALTIME
  echo "RESULT $(((${end/./} - ${start/./}) / 1000000)).$(printf %06d $(((${end/./} - ${start/./}) % 1000000))) s"
}

# Waits until a command succeeds, ten seconds at most.
wait_for() {
  for _ in $(seq 200); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  echo "it does not come up: $*" >&2
  exit 1
}

# N small files in 100 folders below $1.
many_files() {
  mkdir -p "$1"
  for folder in $(seq 100); do
    mkdir "$1/$folder"
    (cd "$1/$folder" && for file in $(seq $(($2 / 100))); do echo "$folder $file" >"$file"; done)
  done
}
