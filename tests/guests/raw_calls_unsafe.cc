// Makes system calls as an attacker does: by number, by the i386 and x32 doors, with addresses that
// change while they are being looked at. Prints one line for each: "name: result" with the errno's
// name, "name: killed by N", or what it got hold of.
//
//   raw_calls list                  the names of all calls
//   raw_calls call NAME ...         each in a child of its own
//   raw_calls open PATH             openat, and what the file says
//   raw_calls race GOOD BAD N       N openat calls of a path that another thread keeps rewriting
//                                   from GOOD to BAD; prints every first line that came
//   raw_calls descriptors           the open descriptors and where they lead
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "platform/loader/plan.h"

namespace moat::guests {
namespace {

constexpr long kX32Bit = 0x40000000;
constexpr long kNewTime = 0x80;  // CLONE_NEWTIME

long Syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  const long result = syscall(number, a, b, c, d, e, f);
  return result == -1 ? -errno : result;
}

long Address(const void* pointer) { return static_cast<long>(reinterpret_cast<intptr_t>(pointer)); }

// The i386 door, with arguments that fit into 32 bits.
long Int80(long number, long a = 0, long b = 0, long c = 0) {
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "b"(a), "c"(b), "d"(c)
               : "memory", "r8", "r9", "r10", "r11");
  return static_cast<int>(result);
}

// A path below 4 GiB, for the i386 door.
long LowPath(const char* path) {
  void* low =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  std::strcpy(static_cast<char*>(low), path);
  return Address(low);
}

long OpenDeviceMadeHere() {
  const long made =
      Syscall(SYS_mknod, Address("/tmp/disk"), S_IFBLK | 0600, static_cast<long>(makedev(8, 0)));
  return made < 0 ? made : Syscall(SYS_open, Address("/tmp/disk"), O_RDONLY);
}

// Tracing itself is allowed; switching a tracee's filter off, and reading the filter, is not.
long SuspendSeccomp() {
  constexpr long kSuspendSeccomp = 1 << 21;  // PTRACE_O_SUSPEND_SECCOMP
  return Syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, kSuspendSeccomp);
}
long ReadFilter() { return Syscall(SYS_ptrace, PTRACE_SECCOMP_GET_FILTER, getppid(), 0, 0); }

long AskForAPlan() {
  static loader::Plan plan;
  return Syscall(loader::kPlanCall, Address(&plan), sizeof plan);
}

// An exec with something in the argument that execveat does not use.
long ExecWithACookie(long cookie) {
  const char* argv[] = {"raw_calls", nullptr};
  return Syscall(SYS_execveat, AT_FDCWD, Address("/no/such/program"), Address(argv), 0, 0, cookie);
}

struct ForbiddenCall {
  const char* name;
  long (*make)();
};

// What a sandbox must not do for its workload, whatever its ids and capabilities inside.
constexpr ForbiddenCall kForbidden[] = {
    {"mount", [] { return Syscall(SYS_mount, 0, Address("/mnt"), Address("tmpfs")); }},
    {"mount_bind", [] { return Syscall(SYS_mount, Address("/"), Address("/mnt"), 0, 4096); }},
    {"umount", [] { return Syscall(SYS_umount2, Address("/"), 2); }},
    {"pivot_root", [] { return Syscall(SYS_pivot_root, Address("."), Address(".")); }},
    {"fsopen", [] { return Syscall(SYS_fsopen, Address("tmpfs"), 0); }},
    {"open_tree", [] { return Syscall(SYS_open_tree, AT_FDCWD, Address("/"), 1); }},
    {"move_mount",
     [] { return Syscall(SYS_move_mount, AT_FDCWD, Address("/"), AT_FDCWD, Address("/mnt"), 0); }},
    {"mount_setattr", [] { return Syscall(SYS_mount_setattr, AT_FDCWD, Address("/"), 0, 0, 0); }},
    {"unshare_user", [] { return Syscall(SYS_unshare, CLONE_NEWUSER); }},
    {"unshare_mount", [] { return Syscall(SYS_unshare, CLONE_NEWNS); }},
    {"unshare_network", [] { return Syscall(SYS_unshare, CLONE_NEWNET); }},
    {"unshare_pid", [] { return Syscall(SYS_unshare, CLONE_NEWPID); }},
    {"unshare_ipc", [] { return Syscall(SYS_unshare, CLONE_NEWIPC); }},
    {"unshare_uts", [] { return Syscall(SYS_unshare, CLONE_NEWUTS); }},
    {"unshare_cgroup", [] { return Syscall(SYS_unshare, CLONE_NEWCGROUP); }},
    {"unshare_time", [] { return Syscall(SYS_unshare, kNewTime); }},
    {"clone_user", [] { return Syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD); }},
    {"clone_mount", [] { return Syscall(SYS_clone, CLONE_NEWNS | SIGCHLD); }},
    {"clone_pid", [] { return Syscall(SYS_clone, CLONE_NEWPID | SIGCHLD); }},
    {"clone_network", [] { return Syscall(SYS_clone, CLONE_NEWNET | SIGCHLD); }},
    {"clone_ipc", [] { return Syscall(SYS_clone, CLONE_NEWIPC | SIGCHLD); }},
    {"clone_uts", [] { return Syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD); }},
    {"clone_cgroup", [] { return Syscall(SYS_clone, CLONE_NEWCGROUP | SIGCHLD); }},
    {"clone3_user",
     [] {
       static uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
       return Syscall(SYS_clone3, Address(arguments), sizeof arguments);
     }},
    {"setns", [] { return Syscall(SYS_setns, 0, 0); }},
    {"io_uring_setup",
     [] {
       static char parameters[256];
       return Syscall(SYS_io_uring_setup, 8, Address(parameters));
     }},
    {"bpf", [] { return Syscall(SYS_bpf, 0, 0, 0); }},
    {"perf_event_open", [] { return Syscall(SYS_perf_event_open, 0, 0, -1, -1, 0); }},
    {"userfaultfd", [] { return Syscall(SYS_userfaultfd, 1); }},
    {"keyctl", [] { return Syscall(SYS_keyctl, 0, -3, 1); }},
    {"add_key",
     [] { return Syscall(SYS_add_key, Address("user"), Address("x"), Address("y"), 1, -3); }},
    {"request_key", [] { return Syscall(SYS_request_key, Address("user"), Address("x"), 0, 0); }},
    {"kexec_load", [] { return Syscall(SYS_kexec_load, 0, 0, 0, 0); }},
    {"init_module", [] { return Syscall(SYS_init_module, 0, 0, Address("")); }},
    {"finit_module", [] { return Syscall(SYS_finit_module, 0, Address(""), 0); }},
    {"delete_module", [] { return Syscall(SYS_delete_module, Address("x"), 0); }},
    {"reboot", [] { return Syscall(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, 0); }},
    {"swapon", [] { return Syscall(SYS_swapon, Address("/tmp/x"), 0); }},
    {"acct", [] { return Syscall(SYS_acct, Address("/tmp/x")); }},
    {"quotactl", [] { return Syscall(SYS_quotactl, 0x800001, 0, 0, 0); }},
    {"syslog", [] { return Syscall(SYS_syslog, 3, Address("xxxxxxxx"), 8); }},
    {"iopl", [] { return Syscall(SYS_iopl, 3); }},
    {"ioperm", [] { return Syscall(SYS_ioperm, 0, 8, 1); }},
    {"settimeofday",
     [] {
       static long zero[2];
       return Syscall(SYS_settimeofday, Address(zero), 0);
     }},
    {"clock_settime",
     [] {
       static long zero[2];
       return Syscall(SYS_clock_settime, 0, Address(zero));
     }},
    {"open_by_handle_at",
     [] {
       static int handle[34] = {8, 1, 2, 0};
       return Syscall(SYS_open_by_handle_at, AT_FDCWD, Address(handle), O_RDONLY);
     }},
    {"vhangup", [] { return Syscall(SYS_vhangup); }},
    {"fanotify_init", [] { return Syscall(SYS_fanotify_init, 0, 0); }},
    {"block_device", OpenDeviceMadeHere},
    {"suspend_seccomp", SuspendSeccomp},
    {"read_filter", ReadFilter},
    {"unknown_number", [] { return Syscall(6000); }},
    {"negative_number", [] { return Syscall(-7); }},
    {"plan_that_was_not_armed", AskForAPlan},
    {"exec_with_cookie_1", [] { return ExecWithACookie(1); }},
    {"exec_with_cookie_minus_1", [] { return ExecWithACookie(-1); }},
    {"raw_socket", [] { return Syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0x300); }},
    {"vsock_socket", [] { return Syscall(SYS_socket, AF_VSOCK, SOCK_STREAM, 0); }},
    {"alg_socket", [] { return Syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0); }},
    {"internet_raw_socket", [] { return Syscall(SYS_socket, AF_INET, SOCK_RAW, 255); }},
    {"bluetooth_socket", [] { return Syscall(SYS_socket, AF_BLUETOOTH, SOCK_RAW, 1); }},
    {"xdp_socket", [] { return Syscall(SYS_socket, AF_XDP, SOCK_RAW, 0); }},
    {"netlink_audit_socket", [] { return Syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 9); }},
    {"netlink_netfilter_socket", [] { return Syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 12); }},
    {"netlink_generic_socket", [] { return Syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 16); }},
    {"netlink_crypto_socket", [] { return Syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 21); }},
    {"x32_getpid", [] { return Syscall(kX32Bit + SYS_getpid); }},
    {"x32_openat",
     [] { return Syscall(kX32Bit + SYS_openat, AT_FDCWD, Address("/etc/passwd"), O_RDONLY); }},
    {"x32_execve", [] { return Syscall(kX32Bit + 520, Address("/bin/true"), 0, 0); }},
    {"int80_getpid", [] { return Int80(20); }},
    {"int80_open", [] { return Int80(5, LowPath("/etc/passwd"), O_RDONLY); }},
    {"int80_execve", [] { return Int80(11, LowPath("/bin/true")); }},
    {"int80_mount", [] { return Int80(21, LowPath("none"), LowPath("/mnt"), LowPath("tmpfs")); }},
};

void PrintResult(const char* name, long result) {
  if (result >= 0) {
    printf("%s: SUCCESS %ld\n", name, result);
  } else {
    const char* error = strerrorname_np(static_cast<int>(-result));
    printf("%s: %s\n", name, error != nullptr ? error : "?");
  }
  fflush(stdout);
}

int CallInChild(const std::string& wanted) {
  for (const ForbiddenCall& call : kForbidden) {
    if (wanted != call.name) continue;
    const pid_t child = fork();
    if (child == 0) {
      PrintResult(call.name, call.make());
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("%s: killed by %d\n", call.name, WTERMSIG(status));
    return 0;
  }
  fprintf(stderr, "raw_calls: no call named %s\n", wanted.c_str());
  return 2;
}

int OpenAndRead(const char* path) {
  const long fd = Syscall(SYS_openat, AT_FDCWD, Address(path), O_RDONLY);
  if (fd < 0) {
    PrintResult("openat", fd);
    return 0;
  }
  char bytes[256];
  const long n = Syscall(SYS_read, fd, Address(bytes), sizeof bytes);
  printf("openat: got %.*s\n", static_cast<int>(n < 0 ? 0 : n), bytes);
  return 0;
}

int Race(const char* good, const char* bad, int rounds) {
  // Both paths have one length, so that any mix of their bytes is a terminated string.
  static char path[PATH_MAX];
  std::strcpy(path, good);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) {
      std::memcpy(path, bad, std::strlen(bad));
      std::memcpy(path, good, std::strlen(good));
    }
  });
  std::set<std::string> seen;
  for (int i = 0; i < rounds; ++i) {
    const long fd = Syscall(SYS_openat, AT_FDCWD, Address(path), O_RDONLY);
    if (fd < 0) {
      seen.insert(strerrorname_np(static_cast<int>(-fd)));
      continue;
    }
    char bytes[64] = "";
    const ssize_t n = read(static_cast<int>(fd), bytes, sizeof bytes - 1);
    seen.insert(std::string(bytes, n > 0 ? static_cast<size_t>(n) : 0));
    close(static_cast<int>(fd));
  }
  done = true;
  writer.join();
  for (const std::string& line : seen) printf("%s\n", line.c_str());
  return 0;
}

int ListDescriptors() {
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat attributes;
    if (fstat(fd, &attributes) == 0) printf("%d %o\n", fd, attributes.st_mode & S_IFMT);
  }
  return 0;
}

int Main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  int worst = 0;
  if (what == "list") {
    for (const ForbiddenCall& call : kForbidden) puts(call.name);
  } else if (what == "call") {
    for (int i = 2; i < argc; ++i) worst = std::max(worst, CallInChild(argv[i]));
  } else if (what == "open" && argc == 3) {
    return OpenAndRead(argv[2]);
  } else if (what == "race" && argc == 5) {
    return Race(argv[2], argv[3], atoi(argv[4]));
  } else if (what == "descriptors") {
    return ListDescriptors();
  } else {
    fputs("usage: raw_calls list|call|open|race|descriptors ...\n", stderr);
    return 2;
  }
  return worst;
}

}  // namespace
}  // namespace moat::guests

int main(int argc, char** argv) { return moat::guests::Main(argc, argv); }
