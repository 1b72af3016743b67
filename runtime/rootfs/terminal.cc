#include "runtime/rootfs/terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/rootfs/mount_calls.h"

namespace moat::rootfs {
namespace {

constexpr char kMultiplexer[] = "/dev/pts/ptmx";
constexpr char kConsole[] = "/dev/console";

// The container's /dev/pts/ptmx, only if it is what it says: a symlink or a file of an image in its
// place must not be opened (opening can have effects, and the host may have a pty of that name).
absl::StatusOr<Fd> FindMultiplexer(const ContainerRoot& root) {
  absl::StatusOr<Fd> found = root.Open(kMultiplexer, /*follow=*/false);
  if (!found.ok()) {
    return Annotate(found.status(), "process.terminal needs a devpts mount on /dev/pts");
  }
  struct stat attributes;
  struct statfs filesystem;
  if (::fstat(found->get(), &attributes) < 0 || ::fstatfs(found->get(), &filesystem) < 0) {
    return ErrnoStatus(errno, "fstat", kMultiplexer);
  }
  if (filesystem.f_type != DEVPTS_SUPER_MAGIC || attributes.st_rdev != ::makedev(5, 2)) {
    return absl::FailedPreconditionError("process.terminal: /dev/pts is not a devpts mount");
  }
  return found;
}

// An image may have put a symlink there (CVE-2025-52565 was one to a file of procfs): `console`
// must be what the name itself stands for.
absl::Status CheckConsole(const ContainerRoot& root, const Fd& console) {
  ASSIGN_OR_RETURN(const Fd named, root.Open(kConsole, /*follow=*/false));
  struct stat reached, there;
  if (::fstat(console.get(), &reached) < 0 || ::fstat(named.get(), &there) < 0) {
    return ErrnoStatus(errno, "fstat", kConsole);
  }
  if (reached.st_dev == there.st_dev && reached.st_ino == there.st_ino) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "process.terminal: /dev/console of the root file system is a symbolic link; remove it, or "
      "mount a tmpfs on /dev");
}

absl::Status SetSize(int slave, const spec::Box& box) {
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(box.height);
  size.ws_col = static_cast<unsigned short>(box.width);
  if (::ioctl(slave, TIOCSWINSZ, &size) < 0) return ErrnoStatus(errno, "ioctl", "TIOCSWINSZ");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Terminal> OpenPty(const ContainerRoot& root, uid_t owner,
                                 const std::optional<spec::Box>& size) {
  ASSIGN_OR_RETURN(const Fd multiplexer, FindMultiplexer(root));
  Terminal terminal;
  // Opened anew through the descriptor: there is no other way from O_PATH to a usable one.
  terminal.master.Reset(::open(absl::StrCat("/proc/self/fd/", multiplexer.get()).c_str(),
                               O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master) return ErrnoStatus(errno, "open", kMultiplexer);
  const int unlock = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &unlock) < 0) {
    return ErrnoStatus(errno, "ioctl", "TIOCSPTLCK");
  }
  terminal.slave.Reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return ErrnoStatus(errno, "ioctl", "TIOCGPTPEER");
  if (::fchown(terminal.slave.get(), owner, static_cast<gid_t>(-1)) < 0) {
    return ErrnoStatus(errno, "fchown", "the terminal");
  }
  if (size) RETURN_IF_ERROR(SetSize(terminal.slave.get(), *size));
  return terminal;
}

absl::StatusOr<Terminal> OpenTerminal(const ContainerRoot& root, uid_t owner,
                                      const std::optional<spec::Box>& size) {
  ASSIGN_OR_RETURN(Terminal terminal, OpenPty(root, owner, size));
  ASSIGN_OR_RETURN(const Fd console, root.MakeFile(kConsole));
  RETURN_IF_ERROR(CheckConsole(root, console));
  ASSIGN_OR_RETURN(const Fd copy, CopyTreeOf(terminal.slave.get(), false, "the terminal"));
  RETURN_IF_ERROR(Attach(copy.get(), console.get(), kConsole));
  return terminal;
}

}  // namespace moat::rootfs
