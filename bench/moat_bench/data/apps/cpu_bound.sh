# A loop in Python that makes no system calls.
. /mnt/lib.bash
needs python3
measure python3 -c 'sum(i * i % 7 for i in range(4000000))'
