# gcc and make build a program of several files, in parallel, and run it.
# limit: 180
set -eu
mkdir /tmp/build && cd /tmp/build
for i in $(seq 1 20); do printf 'int f%d(void) { return %d; }\n' $i $i > f$i.c; done
{ seq -f 'int f%g(void);' 1 20; echo '#include <stdio.h>'; echo 'int main(void) { int s = 0;'; seq -f 's += f%g();' 1 20; echo 'printf("sum %d\n", s); return s == 210 ? 0 : 1; }'; } > main.c
cat > Makefile <<'M'
OBJS := $(patsubst %.c,%.o,$(wildcard *.c))
program: $(OBJS) ; gcc -o $@ $^
%.o: %.c ; gcc -O2 -Wall -c -o $@ $<
clean: ; rm -f *.o program
M
make -s -j4 && ./program
touch f3.c && make -j2 | sort
make -s clean && ls | wc -l
cat > hello.c <<'C'
#include <pthread.h>
#include <stdio.h>
static void* run(void* x) { return x; }
int main(void) { pthread_t t; void* r; pthread_create(&t, 0, run, "from a thread"); pthread_join(t, &r); puts(r); return 0; }
C
gcc -pthread -o dynamic hello.c && ./dynamic; gcc -static -pthread -o static hello.c && ./static; gcc -shared -fPIC -o libf.so f1.c && ls libf.so
gcc -E -dM - < /dev/null | grep -c __ > /dev/null && echo preprocessed; echo 'int main( {' | gcc -x c - 2>/dev/null || echo "refused $?"
strip static && ./static && ar rcs lib.a f*.c && ar t lib.a | wc -l
