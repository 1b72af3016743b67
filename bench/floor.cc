#include "bench/floor.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/linux_abi/seccomp.h"

namespace moat::bench {
namespace {

template <typename T>
T Must(T result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::exit(1);
}

template <size_t n>
int Install(const sock_filter (&code)[n], unsigned flags) {
  const sock_fprog program = {n, const_cast<sock_filter*>(code)};
  Must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  return Must(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)),
              "seccomp");
}

int InstallNotifier() {
  constexpr auto kNumber = offsetof(seccomp_data, nr), kFlags = offsetof(seccomp_data, args[3]);
  const sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return Install(code, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

// A remote address, which is no pointer of ours.
iovec Remote(uint64_t address, size_t size) {
  iovec vector = {nullptr, size};
  static_assert(sizeof(vector.iov_base) == sizeof(address));
  std::memcpy(&vector.iov_base, &address, sizeof(address));
  return vector;
}

class Supervisor {
 public:
  explicit Supervisor(Fd listener) : listener_(std::move(listener)) {
    Must(
        ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP),
        "SECCOMP_IOCTL_NOTIF_SET_FLAGS");
  }

  // Until no process is left to answer.
  void Run() {
    for (;;) {
      seccomp_notif call = {};
      if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
        if (errno == EINTR) continue;
        if (::waitpid(-1, &status_, WNOHANG) != 0) return;
        continue;
      }
      const int64_t result = call.data.nr == SYS_openat ? Open(call) : Stat(call);
      seccomp_notif_resp answer = {call.id, result < 0 ? 0 : result,
                                   result < 0 ? static_cast<int32_t>(result) : 0, 0};
      (void)::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
  }
  int exit_code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : 1; }

 private:
  bool ReadPath(const seccomp_notif& call) {
    const iovec local = {path_, sizeof(path_) - 1};
    // No further than the page: nearly every path ends there.
    const size_t rest = 4096 - call.data.args[1] % 4096;
    const iovec remote = Remote(call.data.args[1], rest < local.iov_len ? rest : local.iov_len);
    return ::process_vm_readv(static_cast<pid_t>(call.pid), &local, 1, &remote, 1, 0) > 0;
  }

  int64_t Open(const seccomp_notif& call) {
    if (!ReadPath(call)) return -EFAULT;
    const int flags = static_cast<int>(call.data.args[2]);
    const Fd file(::open(path_, flags | O_CLOEXEC, static_cast<mode_t>(call.data.args[3])));
    if (!file) return -errno;
    seccomp_notif_addfd give = {};
    give.id = call.id;
    give.srcfd = static_cast<uint32_t>(file.get());
    give.newfd_flags = static_cast<uint32_t>(flags & O_CLOEXEC);
    const int number = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &give);
    return number < 0 ? -errno : number;
  }

  int64_t Stat(const seccomp_notif& call) {
    struct stat found;
    if (!ReadPath(call)) return -EFAULT;
    if (::stat(path_, &found) != 0) return -errno;
    const iovec local = {&found, sizeof(found)};
    const iovec remote = Remote(call.data.args[2], sizeof(found));
    const ssize_t written =
        ::process_vm_writev(static_cast<pid_t>(call.pid), &local, 1, &remote, 1, 0);
    return written == ssize_t{sizeof(found)} ? 0 : -EFAULT;
  }

  const Fd listener_;
  int status_ = 0;
  char path_[257] = {};
};

}  // namespace

void AllowEverything() {
  const sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  Install(code, 0);
}

void BeSupervised() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(Must(::sched_getcpu(), "sched_getcpu"), &here);
  Must(::sched_setaffinity(0, sizeof(here), &here), "sched_setaffinity");
  int numbers[2], starts[2];
  Must(::pipe2(numbers, O_CLOEXEC), "pipe2");
  Must(::pipe2(starts, O_CLOEXEC), "pipe2");
  const pid_t child = Must(::fork(), "fork");
  if (child == 0) {
    const Fd listener(InstallNotifier());
    const int number = listener.get();
    char start;
    Must(::write(numbers[1], &number, sizeof(number)), "write");
    Must(::read(starts[0], &start, 1), "read");
    return;
  }
  int number = -1;
  Must(::read(numbers[0], &number, sizeof(number)), "read");
  const Fd process(Must(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), "pidfd_open"));
  Supervisor supervisor(Fd(
      Must(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)), "pidfd_getfd")));
  Must(::write(starts[1], "", 1), "write");
  supervisor.Run();
  std::_Exit(supervisor.exit_code());
}

}  // namespace moat::bench
