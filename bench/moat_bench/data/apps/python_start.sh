# Twenty starts of an interpreter that imports some of its library.
. /mnt/lib.bash
needs python3
work() { for _ in $(seq 20); do python3 -c 'import json, re, subprocess, email'; done; }
measure work
