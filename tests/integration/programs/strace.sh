# strace: programs that execute others, change directories, fork, vfork and thread; attaching; many at once.
# limit: 120
cd /tmp
plain() { sed -E 's/^[0-9]+ +//; s/0x[0-9a-f]+( \/\* [0-9]+ vars \*\/)?/ADDRESS/g; s/ <unfinished \.\.\.>//; s/ADDRESS.*/ADDRESS/; s/\) += 0$/)/' "$@" | grep -vE '^(---|\+\+\+ exited|<\.\.\.)'; }
strace -o log -e trace=execve,chdir,getcwd sh -c 'cd /usr && pwd && exec true'; plain log
strace -f -o log -e trace=execve,chdir sh -c 'ls > /dev/null; (cd /etc; cat passwd | wc -l)'; plain log | sort
printf '#!/bin/sh\necho "script $0 $*"\n' > script && chmod +x script
strace -o log -e trace=execve ./script one two; plain log
strace -c true 2>&1 | grep -c total
cat > threads.py <<'P'
import os, subprocess, threading
def work():
    for _ in range(3):
        subprocess.run(["/bin/true"], cwd="/usr", check=True)
        os.close(os.open("/", os.O_PATH))
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print("threads are done")
P
strace -f -o log python3 threads.py; grep -c 'execve("/bin/true"' log
for i in 1 2 3 4; do strace -f -o log.$i sh -c 'for i in 1 2 3; do (cd /usr; ls > /dev/null); done' & done; wait
for i in 1 2 3 4; do grep -c 'execve.*"ls"' log.$i; done
sh -c 'while :; do cd /usr; cd /tmp; done' & loop=$!
timeout -s INT 1 strace -o log -p $loop 2> /dev/null; test "$(grep -c '^chdir("/usr") *= 0' log)" -gt 3 && echo attached
kill $loop; wait $loop 2> /dev/null; echo "ended $?"
strace -o log sh -c 'kill -SEGV $$' 2> /dev/null; echo "status $?"; grep -c 'killed by SIGSEGV' log
grep -c ' /.*ld-linux' /proc/self/maps | grep -c '[1-9]'
