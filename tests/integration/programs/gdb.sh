# root: tools
# gdb: breakpoints, stepping, memory, threads, a fork that is followed, attaching, a core of a running program.
# limit: 180
cd /tmp
cat > program.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static int counter;
static int twice(int n) { counter += n; return 2 * n; }
static void *work(void *unused) { (void)unused; twice(21); return NULL; }
int main(int argc, char **argv) {
  int sum = 0;
  for (int i = 1; i <= 3; ++i) sum += twice(i);
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
  if (fork() == 0) { sum = twice(100); _exit(sum == 200 ? 7 : 8); }
  int status;
  wait(&status);
  printf("sum %d counter %d child %d\n", sum, counter, WEXITSTATUS(status));
  fflush(stdout);
  if (argc > 1) pause();
  return argv[0] == NULL;
}
C
gcc -g -O0 -pthread -o program program.c
plain() { grep -vE '^(warning|\[New|\[Thread|\[Switching|\[Inferior|\[Detaching|\[Attaching|Using host|\[Breakpoint|Download|This GDB|Debuginfod)' | sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/process [0-9]+/process N/; s/LWP [0-9]+/LWP N/'; }
run() { timeout 60 gdb -q -batch -nx "$@" < /dev/null 2> /dev/null | plain; }
run -ex 'break twice' -ex run -ex 'print n' -ex bt -ex finish -ex next -ex 'print sum' -ex 'info breakpoints' ./program | grep -vE 'already hit|Num '
run -ex 'break twice if n == 3' -ex run -ex 'set var n = 30' -ex 'delete' -ex continue ./program
run -ex 'break work' -ex run -ex 'info threads' -ex 'thread apply all bt 1' ./program | grep -cE '^(\*| ) +[12] +Thread'
# The parent runs on its own here, beside gdb: what it prints goes to a file, so that neither overtakes the other.
run -ex 'set follow-fork-mode child' -ex 'break twice if n == 100' -ex 'run > followed' -ex 'print n' -ex 'delete' -ex continue -ex 'print $_exitcode' ./program
until grep sum followed; do sleep 0.1; done
run -ex 'watch counter' -ex run -ex continue -ex 'print counter' ./program | grep -E '^(Old|New|\$)'
run -ex 'starti' -ex 'x/1i $pc' -ex 'info proc' -ex kill ./program | grep -cE '_start|exe ='
run -ex 'catch syscall write' -ex run -ex 'print $orig_rax' ./program | tail -n 1
./program stay > out & program=$!
until grep -q sum out; do sleep 0.1; done
run -p $program -ex 'print counter' -ex 'set var counter = 5' -ex 'print counter' -ex detach | grep '^\$'
run -p $program -ex 'generate-core-file core' -ex detach | grep -c 'Saved corefile'
run -ex 'print counter' ./program core | grep '^\$'
kill $program; wait $program; echo "ended $?"
