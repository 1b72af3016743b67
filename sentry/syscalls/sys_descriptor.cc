// Calls on descriptors that the sentry has a part in: lseek, inotify_add_watch, sync, syncfs.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "sentry/container.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/open_file.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {
namespace {

// FD_CLOEXEC of the caller's descriptor, which a duplicate does not show: proc_pid_fdinfo(5).
Result<bool> ClosesOnExec(Call& call, int fd) {
  constexpr size_t kMaxFdInfo = 64 * 1024;  // epoll and inotify instances list their watches
  TRY_ASSIGN(
      const std::string text,
      ReadFileAt(AT_FDCWD, absl::StrCat("/proc/", call.trap().tid, "/fdinfo/", fd), kMaxFdInfo));
  constexpr absl::string_view kField = "flags:\t";
  const size_t start = text.find(kField.data());
  if (start == std::string::npos) return Errno(EIO);
  const auto flags = std::strtoul(text.c_str() + start + kField.size(), nullptr, 8);
  return (flags & O_CLOEXEC) != 0;
}

// A watch on a file of the virtual tree is a watch on its snapshot: valid, and silent as procfs is.
VirtualResult<int> WatchVirtual(Call& call, const Caller& caller, const Fd& inotify,
                                absl::string_view path, uint32_t mask) {
  auto opened = call.container().tree->Open(caller.viewer(), path, O_RDONLY);
  if (auto* error = std::get_if<Errno>(&opened)) return *error;
  if (auto* left = std::get_if<LeftTree>(&opened)) return std::move(*left);
  const std::string name = absl::StrCat("/proc/self/fd/", std::get<VirtualOpened>(opened).fd.get());
  const int watch = ::inotify_add_watch(inotify.get(), name.c_str(), mask & ~IN_DONT_FOLLOW);
  if (watch < 0) return Errno::Last();
  return watch;
}

// A watch where the walk ended. Behind a descriptor of /proc/self/fd there is no path left, and the
// gofer has no /proc to name the object by: a directory is "." of itself, all else has the name
// that the kernel knows. Another object that gets the name meanwhile is one that the caller might
// watch by that name.
gofer::Outcome<int> Watch(Call& call, const Caller& caller, const Fd& inotify,
                          const TreePlace& place, uint32_t mask) {
  gofer::PathRef path = place.ref();
  std::string name = ".";
  if (place.is_descriptor()) {
    struct stat attributes;
    if (::fstat(place.base->get(), &attributes) < 0) return gofer::Failure{Errno::Last(), {}};
    if (!S_ISDIR(attributes.st_mode)) {
      auto known = call.container().tasks->NameOf(*place.base);
      if (!known.ok()) return gofer::Failure{known.error(), {}};
      name = *std::move(known);
      if (attributes.st_nlink == 0 || name.front() != '/') return gofer::Failure{Errno(ENOENT), {}};
      if (S_ISLNK(attributes.st_mode)) mask |= IN_DONT_FOLLOW;
      path.base = path.root = -1;
    }
    path.path = name;
  }
  return call.gofer().InotifyAdd(caller.credentials, inotify.get(), path, mask);
}

}  // namespace

// Only a rewind comes here (checks::Seek).
Outcome SysLseek(Call& call) {
  const int number = call.FdArg(0);
  TRY_ASSIGN(const Fd fd, call.TakeFd(number));
  struct statx attributes {};
  if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0 ||
      !S_ISREG(attributes.stx_mode) || call.container().tree->MagicOf(attributes) == 0) {
    return ContinueNative();
  }
  TRY_ASSIGN(const Caller caller, Identify(call));
  auto fresh = call.container().tree->Refresh(caller.viewer(), attributes);
  if (!fresh.ok()) return ContinueNative();
  TRY_ASSIGN(const bool close_on_exec, ClosesOnExec(call, number));
  TRY(call.platform().AddFdAt(call.trap(), *fresh, number, close_on_exec));
  return Value{0};
}

Outcome SysInotifyAddWatch(Call& call) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, AT_FDCWD, call.AddrArg(1)));
  TRY_ASSIGN(const Fd inotify, call.TakeFd(call.FdArg(0)));
  const uint32_t mask = call.UintArg(2);
  TRY_ASSIGN(const int watch, OnPath<int>(
                                  call, where,
                                  [&](const Caller& caller, const TreePlace& place) {
                                    return Watch(call, caller, inotify, place, mask);
                                  },
                                  [&](const Caller& caller, absl::string_view path) {
                                    return WatchVirtual(call, caller, inotify, path, mask);
                                  }));
  return Value{watch};
}

// sync(2) can't fail; what could not be opened is not written back.
Outcome SysSync(Call& call) {
  auto root = OpenFile(call, {.where = {AT_FDCWD, "/"}, .flags = O_RDONLY | O_DIRECTORY});
  if (root.ok()) ::syncfs(root->fd.get());
  return Value{0};
}

Outcome SysInotifyRmWatch(Call& call) {
  TRY_ASSIGN(const Fd inotify, call.TakeFd(call.FdArg(0)));
  if (::inotify_rm_watch(inotify.get(), call.IntArg(1)) < 0) return Errno::Last();
  return Value{0};
}

Outcome SysSyncfs(Call& call) {
  TRY_ASSIGN(const Fd fd, call.TakeFd(call.FdArg(0)));
  if (::syncfs(fd.get()) < 0) return Errno::Last();
  return Value{0};
}

}  // namespace moat::sentry
