# Pipelines, substitutions, here documents, traps.
set -euo pipefail
seq 1 1000 | awk '{s+=$1} END {print s}'
printf 'b\na\nc\n' | sort | tr a-z A-Z | paste -sd,
diff <(seq 1 5) <(seq 2 6) || echo "differs as it should: $?"
cat <<< "here string" <(echo substituted)
tee >(wc -c >&2) >(md5sum > /tmp/sum) < /etc/debian_version > /dev/null; sleep 0.2; cut -c1-8 /tmp/sum | wc -c
for i in 1 2 3; do (exit $i) || echo "exit $?"; done
(set +o pipefail; yes | head -n 100000 | wc -l)
echo "$(cat <(cat <(echo nested)))"
coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
set +o pipefail
false | true; echo "${PIPESTATUS[@]}"
trap 'echo trapped' USR1; kill -USR1 $$; echo after
for i in $(seq 200); do /bin/true || echo failed; done; echo "200 programs"
