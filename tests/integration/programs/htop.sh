# root: tools
# htop, top, ss and ip: what they show of processes, sockets and interfaces.
cd /tmp
sleep 1001 & sleeper=$!
screen() { TERM=xterm timeout 20 script -qec "stty rows 60 cols 200; $1" /dev/null < "$2" | sed -E 's/\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r//g'; }
mkfifo keys; (sleep 3; printf q; sleep 1) > keys &
screen 'htop -d 5' keys > shown
grep -c 'sleep 1001' shown | grep -c '[1-9]'; grep -oE 'Tasks:' shown | head -n 1; grep -oE 'Load average:' shown | head -n 1; grep -oE 'Mem\[' shown | head -n 1; grep -c 'Uptime' shown | grep -c '[1-9]'
top -b -n 1 -p $sleeper | tail -n 1 | awk '{print $NF}'
python3 - <<'P' &
import socket, time
a = socket.socket(); a.bind(("127.0.0.1", 7001)); a.listen()
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.bind(("127.0.0.1", 7002))
c = socket.socket(socket.AF_UNIX); c.bind("/tmp/named"); c.listen()
d = socket.create_connection(("127.0.0.1", 7001))
open("/tmp/ready", "w").close()
time.sleep(60)
P
server=$!
until [ -e ready ]; do sleep 0.1; done
ss -H -t -l -n 2> /dev/null | awk '{print $1, $4}'; ss -H -u -a -n 2> /dev/null | awk '{print $1, $4}'
ss -H -x -l 2> /dev/null | grep -o '/tmp/named'; ss -H -t -n state established 2> /dev/null | grep -c ':7001'
ip -brief address show lo | awk '{print $1, $3}'; ip route show table local dev lo | awk '{print $1, $2}' | sort | head -n 2
kill $sleeper $server; wait
