# Job control without a terminal: background jobs, wait, signals, process groups.
set -m
sleep 0.2 & first=$!
(exit 7) & second=$!
wait $first; echo "first $?"
wait $second; echo "second $?"
sleep 100 & kill -TERM %%; wait %% 2>/dev/null; echo "killed $?"
sleep 100 & kill -STOP $!; sleep 0.2; jobs -s | sed 's/\[.*\]//; s/  */ /g'; kill -KILL $!; wait $! 2>/dev/null
jobs=(); for i in 1 2 3 4 5; do (sleep 0.0$i; exit $i) & jobs+=($!); done
total=0; for job in "${jobs[@]}"; do wait $job; total=$((total + $?)); done; echo "total $total"
sleep 100 & sleep 100 & kill $(jobs -p); wait; echo "all ended"
timeout 0.3 sleep 10; echo "timeout says $?"
