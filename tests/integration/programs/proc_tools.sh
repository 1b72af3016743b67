# ps, top, free, lsof, pgrep and what they read from /proc.
sleep 1000 & sleeper=$!
ps -o comm= -p $sleeper; ps -eo comm= | grep -c '^sleep$'; ps aux | grep -c '[s]leep 1000'; pgrep -x sleep | grep -cx $sleeper
free -b | awk '/^Mem:/ {print ($2 > 0 && $7 > 0) ? "memory" : "none"}'
top -b -n 1 | grep -c 'sleep'; uptime | grep -c 'load average'; vmstat | wc -l; nproc | grep -c '^[1-9]'
cat /proc/self/comm; tr '\0' ' ' < /proc/$sleeper/cmdline; echo; readlink /proc/$sleeper/exe; readlink /proc/self/cwd; grep -E '^(Name|Threads)' /proc/$sleeper/status
lsof -p $sleeper 2>/dev/null | awk '$4 == "cwd" || $4 == "txt" {print $4, $NF}' | sort; pstree $sleeper; fuser /usr/bin/sleep 2>/dev/null | grep -c $sleeper
cat /proc/sys/kernel/ostype; test "$(cat /proc/sys/kernel/pid_max)" -gt 100 && echo pid_max; cut -d' ' -f1 /proc/self/mounts | grep -c . > /dev/null && echo mounts
mount | grep -c ' on / ' ; df / | tail -n 1 | awk '{print $NF}'; cat /proc/cpuinfo | grep -c ^processor | grep -c '^[1-9]'; wc -l < /proc/loadavg; ls /proc/$sleeper/fd | wc -w
kill $sleeper; wait $sleeper 2>/dev/null; ls -d /proc/$sleeper 2>/dev/null || echo "gone from /proc"
killall -0 sleep 2>/dev/null || echo "none left"
