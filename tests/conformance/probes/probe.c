// The program that exec cases execute: says what it was given and what it is.
//
//   probe ...         every argument in brackets      probe size ...   their number and total
//   length probe env         the environment                 probe exe        /proc/self/exe probe
//   comm        the task's name                 probe execfn     AT_EXECFN probe cmdline
//   /proc/self/cmdline, | for NUL   probe fds        the open descriptors probe ids         real
//   and effective ids          probe secure     AT_SECURE probe exit N      exits with N probe
//   origin     calls liborigin, if linked probe chown F N   gives a file away           probe exec
//   ...   executes the rest probe capabilities  permitted, effective, inheritable, ambient;
//   AT_SECURE; whether dumpable probe base        whether AT_BASE is page aligned and set just for
//   dynamic programs
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char** environ;
#ifdef WITH_ORIGIN
const char* origin_says(void);
#else
static const char* origin_says(void) { return "not linked"; }
#endif

static void print_arguments(char** argument) {
  for (; *argument != NULL; ++argument) printf("[%s]", *argument);
  putchar('\n');
}

static void print_size(int argc, char** argv) {
  size_t total = 0;
  for (int i = 0; i < argc; ++i) total += strlen(argv[i]);
  printf("%d %zu\n", argc, total);
}

static void print_link(const char* path) {
  char target[4096];
  const ssize_t n = readlink(path, target, sizeof target - 1);
  printf("%.*s\n", n < 0 ? 0 : (int)n, target);
}

static void print_cmdline(void) {
  char bytes[4096];
  const int fd = open("/proc/self/cmdline", O_RDONLY);
  const ssize_t n = read(fd, bytes, sizeof bytes);
  for (ssize_t i = 0; i < n; ++i) putchar(bytes[i] == 0 ? '|' : bytes[i]);
  putchar('\n');
}

static void print_descriptors(void) {
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) printf("%d ", fd);
  }
  putchar('\n');
}

static void print_comm(void) {
  char name[17] = "";
  prctl(PR_GET_NAME, name);
  puts(name);
}

static void print_base(void) {
  const unsigned long base = getauxval(AT_BASE);
  printf("%s %s\n", base != 0 ? "dynamic" : "static", base % 4096 == 0 ? "aligned" : "odd");
}

static void print_capabilities(void) {
  // linux/capability.h, which musl's compiler does not find.
  struct {
    unsigned version;
    int pid;
  } header = {0x20080522, 0};
  struct {
    unsigned effective, permitted, inheritable;
  } data[2] = {{0}};
  if (syscall(SYS_capget, &header, data) != 0) return;
  unsigned ambient = 0;
  for (int i = 0; i < 32; ++i) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) ambient |= 1U << i;
  }
  printf("%x %x %x %x %lu %d\n", data[0].permitted, data[0].effective, data[0].inheritable, ambient,
         getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "args";
  if (strcmp(what, "exit") == 0 && argc > 2) return atoi(argv[2]);
  if (strcmp(what, "chown") == 0 && argc > 3)
    return chown(argv[2], (uid_t)atoi(argv[3]), (gid_t)-1) != 0;
  if (strcmp(what, "exec") == 0 && argc > 2) return execv(argv[2], argv + 2);
  if (strcmp(what, "capabilities") == 0) {
    print_capabilities();
  } else if (strcmp(what, "size") == 0) {
    print_size(argc, argv);
  } else if (strcmp(what, "env") == 0) {
    print_arguments(environ);
  } else if (strcmp(what, "exe") == 0) {
    print_link("/proc/self/exe");
  } else if (strcmp(what, "comm") == 0) {
    print_comm();
  } else if (strcmp(what, "execfn") == 0) {
    puts((const char*)getauxval(AT_EXECFN));
  } else if (strcmp(what, "cmdline") == 0) {
    print_cmdline();
  } else if (strcmp(what, "fds") == 0) {
    print_descriptors();
  } else if (strcmp(what, "ids") == 0) {
    printf("%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
  } else if (strcmp(what, "secure") == 0) {
    printf("%lu\n", getauxval(AT_SECURE));
  } else if (strcmp(what, "origin") == 0) {
    puts(origin_says());
  } else if (strcmp(what, "base") == 0) {
    print_base();
  } else {
    print_arguments(argv);
  }
  return 0;
}
