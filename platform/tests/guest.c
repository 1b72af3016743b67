// What the system tests run inside: one behaviour per word on the command line. C, so that it
// builds against musl too.
//
// kTestCall is a number that Linux does not have; the filter notifies it and the test's handler
// answers. Exit code 0: as expected. Anything else: the number of the check that failed.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kTestCall = 0x6d6f00 };

extern char** environ;

static void Check(int number, int holds) {
  if (!holds) _exit(number);
}

static long Trap(long a, long b, long c) { return syscall(kTestCall, a, b, c); }

static double Microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// trap: one test call; its result is the exit code.
static int OneTrap(void) { return (int)Trap(0, 0, 0); }

// memory: two readable pages, then none. The handler copies around the border.
static int Memory(void) {
  char* pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Check(1, pages != MAP_FAILED);
  memset(pages, 'a', 2 * 4096);
  Check(2, munmap(pages + 2 * 4096, 4096) == 0);
  Check(3, Trap((long)pages, 0, 0) == 7);
  Check(4, memcmp(pages + 4096 - 2, "wxyz", 4) == 0);
  return 0;
}

// fds: the handler gives descriptors, then finds the table full.
static int Descriptors(void) {
  Check(1, fcntl(50, F_GETFD) == -1);
  const int given = (int)Trap(0, 0, 0);
  Check(2, given >= 3 && fcntl(given, F_GETFD) == FD_CLOEXEC);
  Check(3, Trap(1, 0, 0) == 0 && fcntl(50, F_GETFD) == 0);
  while (dup(0) >= 0) {
  }
  Check(4, errno == EMFILE);
  Check(5, Trap(2, 0, 0) == -1 && errno == EMFILE);
  return 0;
}

// void TrapWithRegisters(const unsigned long in[12], unsigned long out[13]): makes the test call
// with the registers as in `in`; what they are afterwards goes to `out`, the result to out[12].
void TrapWithRegisters(const unsigned long* in, unsigned long* out);
__asm__(
    ".text\n"
    "TrapWithRegisters:\n\t"
    "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
    "push %rsi\n\tmov %rdi, %rax\n\t"
    "mov 0(%rax), %rdi\n\t"
    "mov 8(%rax), %rsi\n\t"
    "mov 16(%rax), %rdx\n\t"
    "mov 24(%rax), %r10\n\t"
    "mov 32(%rax), %r8\n\t"
    "mov 40(%rax), %r9\n\t"
    "mov 48(%rax), %rbx\n\t"
    "mov 56(%rax), %rbp\n\t"
    "mov 64(%rax), %r12\n\t"
    "mov 72(%rax), %r13\n\t"
    "mov 80(%rax), %r14\n\t"
    "mov 88(%rax), %r15\n\t"
    "mov $0x6d6f00, %eax\n\tsyscall\n\t"
    "pop %rcx\n\tmov %rax, 96(%rcx)\n\t"
    "mov %rdi, 0(%rcx)\n\t"
    "mov %rsi, 8(%rcx)\n\t"
    "mov %rdx, 16(%rcx)\n\t"
    "mov %r10, 24(%rcx)\n\t"
    "mov %r8, 32(%rcx)\n\t"
    "mov %r9, 40(%rcx)\n\t"
    "mov %rbx, 48(%rcx)\n\t"
    "mov %rbp, 56(%rcx)\n\t"
    "mov %r12, 64(%rcx)\n\t"
    "mov %r13, 72(%rcx)\n\t"
    "mov %r14, 80(%rcx)\n\t"
    "mov %r15, 88(%rcx)\n\t"
    "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n");

// registers: every register that a system call keeps is kept, and the result is what the handler
// said.
static int Registers(void) {
  unsigned long in[12], out[13];
  for (int i = 0; i < 12; ++i) in[i] = 0x1111111111111111ul * (unsigned long)(i + 1);
  TrapWithRegisters(in, out);
  for (int i = 0; i < 12; ++i) Check(10 + i, in[i] == out[i]);
  Check(1, out[12] == 0xfeedfacecafe);
  return 0;
}

static volatile sig_atomic_t signals_seen;
static void Count(int number) { signals_seen += number != 0; }

static void StartTimer(int interval) {
  struct sigaction action = {.sa_handler = Count, .sa_flags = SA_RESTART};
  Check(100, sigaction(SIGALRM, &action, NULL) == 0);
  struct itimerval timer = {{0, interval}, {0, interval}};
  Check(101, setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

// sessions N [microseconds]: N test calls, with a timer signal that often. Prints the mean
// duration.
static int Sessions(int count, int interval) {
  sigset_t before = {0}, after = {0};  // the kernel fills in 8 of its 128 bytes
  if (interval > 0) StartTimer(interval);
  sigprocmask(SIG_SETMASK, NULL, &before);
  const double start = Microseconds();
  for (int i = 0; i < count; ++i) Check(1, Trap(i, 0, 0) == i);
  const double took = Microseconds() - start;
  sigprocmask(SIG_SETMASK, NULL, &after);
  Check(2, memcmp(&before, &after, sizeof(before)) == 0);
  Check(3, interval == 0 || signals_seen > 0);
  char line[64];
  const int size = snprintf(line, sizeof(line), "%.1f", took / count);
  Check(4, write(1, line, (size_t)size) == size);
  return 0;
}

// opens N: N descriptors from the handler, each closed again. Prints the mean duration of the pair.
static int Opens(int count) {
  const double start = Microseconds();
  for (int i = 0; i < count; ++i) {
    const int given = (int)Trap(i, 0, 0);
    Check(1, given > 2 && close(given) == 0);
  }
  printf("%.1f", (Microseconds() - start) / count);
  return fflush(stdout);
}

// sigtrap: a SIGTRAP that is sent during a session reaches the program's handler afterwards.
static int SigtrapHandler(void) {
  struct sigaction action = {.sa_handler = Count}, after;
  Check(1, sigaction(SIGTRAP, &action, NULL) == 0);
  Check(2, Trap(0, 0, 0) == 5);
  Check(3, sigaction(SIGTRAP, NULL, &after) == 0 && after.sa_handler == Count);
  Check(4, signals_seen == 1);
  return 0;
}

// traced: the child makes its test call while the parent traces it.
static int Traced(void) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    _exit((int)Trap(0, 0, 0));
  }
  int status;
  Check(1, waitpid(child, &status, 0) == child);
  Check(2, WIFEXITED(status));
  return WEXITSTATUS(status);
}

// A child that stops itself and is then traced: by PTRACE_SEIZE, or as it asked for itself.
static pid_t TracedChild(int seize, void (*body)(void)) {
  const pid_t child = fork();
  if (child == 0) {
    if (!seize) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    body();
    _exit(99);
  }
  int status;
  Check(1, waitpid(child, &status, WUNTRACED) == child && WSTOPSIG(status) == SIGSTOP);
  const long options = PTRACE_O_TRACESYSGOOD;
  if (!seize) {
    Check(2, ptrace(PTRACE_SETOPTIONS, child, NULL, options) == 0);
    return child;
  }
  Check(3, ptrace(PTRACE_SEIZE, child, NULL, options) == 0);
  Check(4, waitpid(child, &status, 0) == child && status >> 16 == PTRACE_EVENT_STOP);
  Check(5, kill(child, SIGCONT) == 0);
  return child;
}

static void TrapThrice(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (long i = 0; i < 3; ++i) {
    if (Trap(i, 21, 22) != 100 + i) _exit(50);
  }
  sigprocmask(SIG_SETMASK, NULL, &set);
  _exit(sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2) ? 7 : 51);
}

// syscalls KIND: the tracer looks at the start and the end of each call of its tracee.
static int TracedSyscalls(int seize) {
  const pid_t child = TracedChild(seize, TrapThrice);
  int starts = 0, ends = 0, status;
  for (;;) {
    Check(10, ptrace(PTRACE_SYSCALL, child, NULL, 0) == 0);
    Check(11, waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) break;
    Check(12, WIFSTOPPED(status));
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      Check(13, WSTOPSIG(status) == SIGCONT || status >> 16 == PTRACE_EVENT_STOP);
      continue;
    }
    struct user_regs_struct registers;
    Check(14, ptrace(PTRACE_GETREGS, child, NULL, &registers) == 0);
    if (registers.orig_rax != kTestCall) continue;
    Check(15, registers.rsi == 21 && registers.rdx == 22);
    if ((long)registers.rax == -ENOSYS) {
      ++starts;
    } else {
      Check(16, (long)registers.rax == 100 + ends && (long)registers.rdi == ends);
      ++ends;
    }
  }
  Check(17, starts == 3 && ends == 3);
  return WEXITSTATUS(status);
}

// continues KIND: the tracer wants to hear of nothing.
static int TracedContinues(int seize) {
  const pid_t child = TracedChild(seize, TrapThrice);
  int status;
  do {
    Check(10, ptrace(PTRACE_CONT, child, NULL, 0) == 0);
    Check(11, waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
  } while (WSTOPSIG(status) == SIGCONT || status >> 16 == PTRACE_EVENT_STOP);
  return 60;
}

// steps: every instruction of the tracee is one stop, a call included.
static int TracedSteps(void) {
  const pid_t child = TracedChild(0, TrapThrice);
  int status, ends = 0;
  for (;;) {
    struct user_regs_struct before, after;
    Check(10, ptrace(PTRACE_GETREGS, child, NULL, &before) == 0);
    Check(11, ptrace(PTRACE_SINGLESTEP, child, NULL, 0) == 0);
    Check(12, waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) break;
    Check(13, WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    const long code = ptrace(PTRACE_PEEKTEXT, child, before.rip, NULL) & 0xffff;
    if (code != 0x050f || before.rax != kTestCall) continue;
    Check(14, ptrace(PTRACE_GETREGS, child, NULL, &after) == 0);
    Check(15, after.rip == before.rip + 2 && (long)after.rax == 100 + ends);
    ++ends;
  }
  Check(16, ends == 3);
  return WEXITSTATUS(status);
}

static char** exec_arguments;
static void ExecArguments(void) { execv(exec_arguments[0], exec_arguments); }

// execs KIND PROGRAM ARG...: what the tracer sees of its tracee's exec. KIND: s, t: seized or not,
// hears of the exec by its event and of calls; S, T: without the event; c: the event alone; C: not
// seized, nothing but the SIGTRAP of old.
static int TracedExec(char kind, char** arguments) {
  exec_arguments = arguments;
  const int seize = kind == 's' || kind == 'S';
  const int event = kind == 's' || kind == 't' || kind == 'c';
  const int calls = kind != 'c' && kind != 'C';
  const pid_t child = TracedChild(seize, ExecArguments);
  const long options = PTRACE_O_TRACESYSGOOD | (event ? PTRACE_O_TRACEEXEC : 0);
  int status, events = 0, traps = 0, execs_ended = 0;
  Check(10, ptrace(PTRACE_SETOPTIONS, child, NULL, options) == 0);
  for (;;) {
    Check(11, ptrace(calls ? PTRACE_SYSCALL : PTRACE_CONT, child, NULL, 0) == 0);
    Check(12, waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) break;
    Check(13, WIFSTOPPED(status));
    if (status >> 16 == PTRACE_EVENT_EXEC) {
      ++events;
    } else if (status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP) {
      ++traps;
    } else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      struct user_regs_struct registers;
      Check(14, ptrace(PTRACE_GETREGS, child, NULL, &registers) == 0);
      const int is_exec = registers.orig_rax == SYS_execve || registers.orig_rax == SYS_execveat;
      execs_ended += is_exec && registers.rax == 0;
    }
  }
  Check(15, events == event);
  Check(16, traps == (!event && !seize));
  Check(17, execs_ended == calls);
  return WEXITSTATUS(status);
}

// killed: the child dies in its test call, and the parent's wait must hear of it.
static int Killed(void) {
  const pid_t child = fork();
  if (child == 0) _exit((int)Trap(0, 0, 0));
  int status;
  Check(1, waitpid(child, &status, 0) == child);
  Check(2, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return 0;
}

// show ARG...: what a program can know about its own start.
static int Show(int argc, char** argv) {
  char comm[16];
  prctl(PR_GET_NAME, comm);
  const unsigned long base = getauxval(AT_BASE);
  const int based = base == 0 || memcmp((const void*)base, ELFMAG, SELFMAG) == 0;
  printf("%d|%s|%s|%s|%s|%d|%s\n", argc, argv[0], argc > 2 ? argv[2] : "", comm,
         (const char*)getauxval(AT_EXECFN), based, getenv("MARK") ? getenv("MARK") : "");
  return fflush(stdout);
}

static int Exec(char** argv) {
  execve(argv[0], argv, environ);
  return errno;
}

static void* ExecInThread(void* argv) { exit(Exec(argv)); }

// thread PROGRAM ARG...: execs from a thread that is not the leader.
static _Noreturn void ThreadExec(char** argv) {
  pthread_t thread;
  pthread_create(&thread, NULL, ExecInThread, argv);
  for (;;) pause();
}

// vfork PROGRAM ARG...: execs from a child that shares our memory, on a stack of 2 KiB.
static int VforkedChild(void* argv) { _exit(Exec(argv)); }
static int VforkExec(char** argv) {
  static char stack[4096] __attribute__((aligned(16)));
  memset(stack, 0x5a, sizeof(stack));
  const pid_t child =
      clone(VforkedChild, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, argv);
  int status;
  Check(1, child > 0 && waitpid(child, &status, 0) == child);
  for (int i = 0; i < 2048; ++i) Check(2, stack[i] == 0x5a);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// large PROGRAM BYTES: gives one PROGRAM "show" an argument list of about that size.
static int LargeExec(const char* program, int bytes) {
  enum { kOne = 1000 };
  const int count = bytes / kOne;
  char** argv = calloc((size_t)count + 3, sizeof(char*));
  char* one = malloc(kOne);
  memset(one, 'x', kOne - 1);
  one[kOne - 1] = 0;
  argv[0] = (char*)program;
  argv[1] = "show";
  for (int i = 0; i < count; ++i) argv[2 + i] = i == 0 ? "first" : one;
  execve(program, argv, environ);
  return errno;
}

// spawn N PROGRAM: starts and awaits it N times, prints the mean duration.
static int Spawn(int count, char* program) {
  char* argv[] = {program, NULL};
  const double start = Microseconds();
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(Exec(argv));
    int status;
    Check(1, waitpid(child, &status, 0) == child && status == 0);
  }
  printf("%.1f", (Microseconds() - start) / count);
  return fflush(stdout);
}

static void ChildOfStorm(int number, char* program) {
  for (int i = 0; i < 20; ++i) Trap(i, 0, 0);
  char* argv[] = {program, (char*)"trap", NULL};
  _exit(number % 2 ? Exec(argv) : 0);
}

// storm N PROGRAM: N children make test calls and exec while we stop, continue and kill them. Every
// one's end must reach us.
static int Storm(int count, char* program) {
  pid_t* children = calloc((size_t)count, sizeof(pid_t));
  unsigned random = 1;
  for (int i = 0; i < count; ++i) {
    children[i] = fork();
    if (children[i] == 0) ChildOfStorm(i, program);
    for (int j = 0; j < 4; ++j) {
      static const int kSignals[] = {SIGSTOP, SIGCONT, SIGKILL, SIGSTOP, SIGCONT, SIGTRAP, SIGCONT};
      random = random * 1103515245 + 12345;
      kill(children[(random >> 16) % (unsigned)(i + 1)], kSignals[(random >> 8) % 7]);
      usleep(random >> 12 & 127);
    }
  }
  for (int i = 0; i < count; ++i) {
    kill(children[i], SIGCONT);
    Check(1, waitpid(children[i], NULL, 0) == children[i]);
  }
  return 0;
}

static pid_t disturbed;
static void* SendSigtrapForEver(void* unused) {
  for (;;) {
    syscall(SYS_tgkill, getpid(), disturbed, SIGTRAP);
    for (volatile int i = 0; i < 2000; ++i) {
    }
  }
  return unused;
}

// disturbed N: sessions while another thread sends SIGTRAP to the one that is stepped.
static int Disturbed(int count) {
  struct sigaction action = {.sa_handler = Count};
  Check(1, sigaction(SIGTRAP, &action, NULL) == 0);
  disturbed = (pid_t)syscall(SYS_gettid);
  pthread_t thread;
  pthread_create(&thread, NULL, SendSigtrapForEver, NULL);
  // On a busy machine the other thread may not have run by then.
  for (int i = 0; i < count || signals_seen == 0; ++i) {
    long result;
    do result = Trap(i, 0, 0);
    while (result == -1 && errno == EINTR);  // it can come before the supervisor hears of the call
    Check(2, result == i);
  }
  Check(3, signals_seen > 0);
  return 0;
}

static void* TrapForEver(void* unused) {
  for (;;) Trap(0, 0, 0);
  return unused;
}

// race N PROGRAM: N times, the leader and two threads all exec at once while another makes test
// calls.
static int Race(int count, char* program) {
  char* argv[] = {program, (char*)"trap", NULL};
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, TrapForEver, NULL);
      pthread_create(&thread, NULL, ExecInThread, argv);
      pthread_create(&thread, NULL, ExecInThread, argv);
      _exit(Exec(argv));
    }
    int status;
    Check(1, waitpid(child, &status, 0) == child);
    if (status == 0) continue;
    printf("round %d ended with status %#x\n", i, (unsigned)status);
    fflush(stdout);
    return 2;
  }
  return 0;
}

static volatile unsigned short* swapped;
static void* SwapForEver(void* unused) {
  for (;;) {
    *swapped = 0xfeeb;  // jmp to itself
    for (volatile int i = 0; i < 300; ++i) {
    }
    *swapped = 0x050f;  // syscall
    for (volatile int i = 0; i < 3000; ++i) {
    }
  }
  return unused;
}

// swap N: test calls through a `syscall` instruction that another thread keeps rewriting.
static int Swap(int count) {
  unsigned char* code =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Check(1, code != MAP_FAILED);
  code[2] = 0xc3;  // ret
  swapped = (volatile unsigned short*)code;
  *swapped = 0x050f;
  pthread_t thread;
  pthread_create(&thread, NULL, SwapForEver, NULL);
  for (int i = 0; i < count; ++i) {
    long result = kTestCall;
    __asm__ volatile("call *%[code]"
                     : "+a"(result)
                     : [code] "r"(code), "D"((long)i)
                     : "rcx", "r11", "memory");
    Check(2, result == i);
  }
  return 0;
}

int main(int argc, char** argv) {
  const char* word = argc > 1 ? argv[1] : "";
  if (!strcmp(word, "trap")) return OneTrap();
  if (!strcmp(word, "memory")) return Memory();
  if (!strcmp(word, "fds")) return Descriptors();
  if (!strcmp(word, "registers")) return Registers();
  if (!strcmp(word, "sessions")) return Sessions(atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 0);
  if (!strcmp(word, "opens")) return Opens(atoi(argv[2]));
  if (!strcmp(word, "sigtrap")) return SigtrapHandler();
  if (!strcmp(word, "traced")) return Traced();
  if (!strcmp(word, "syscalls")) return TracedSyscalls(*argv[2] == 's');
  if (!strcmp(word, "continues")) return TracedContinues(*argv[2] == 's');
  if (!strcmp(word, "steps")) return TracedSteps();
  if (!strcmp(word, "execs")) return TracedExec(*argv[2], argv + 3);
  if (!strcmp(word, "killed")) return Killed();
  if (!strcmp(word, "show")) return Show(argc, argv);
  if (!strcmp(word, "exec")) return Exec(argv + 2);
  if (!strcmp(word, "thread")) ThreadExec(argv + 2);
  if (!strcmp(word, "vfork")) return VforkExec(argv + 2);
  if (!strcmp(word, "large")) return LargeExec(argv[2], atoi(argv[3]));
  if (!strcmp(word, "spawn")) return Spawn(atoi(argv[2]), argv[3]);
  if (!strcmp(word, "disturbed")) return Disturbed(atoi(argv[2]));
  if (!strcmp(word, "storm")) return Storm(atoi(argv[2]), argv[3]);
  if (!strcmp(word, "race")) return Race(atoi(argv[2]), argv[3]);
  if (!strcmp(word, "swap")) return Swap(atoi(argv[2]));
  return 125;
}
