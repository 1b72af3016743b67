#include "sentry/exec/open_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "sentry/fs/on_path.h"

namespace moat::sentry {
namespace {

// A caller's descriptor, made readable. The sentry's own procfs leads to the file behind an O_PATH
// or write-only one; that needs read permission for the sentry's uid, which the files of other
// users may lack: EACCES.
Result<Fd> Readable(const Container& container, Fd fd) {
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) < 0) return Errno::Last();
  if (!S_ISREG(attributes.st_mode)) return Errno(EACCES);
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Errno::Last();
  const int access = flags & O_ACCMODE;
  if (!(flags & O_PATH) && access != O_WRONLY) return fd;
  return container.tasks->Reopen(fd);
}

gofer::Outcome<Fd> OpenInTree(Call& call, const Caller& caller, const TreePlace& place,
                              gofer::Follow follow) {
  auto opened = call.gofer().OpenForExec(caller.credentials, place.ref(), follow);
  if (auto* failure = std::get_if<gofer::Failure>(&opened)) return std::move(*failure);
  return std::move(std::get<gofer::Opened>(opened).fd);
}

}  // namespace

Result<Fd> OpenProgram(Call& call, int dirfd, const std::string& path, int flags) {
  if (path.empty()) {
    if (!(flags & AT_EMPTY_PATH)) return Errno(ENOENT);
    TRY_ASSIGN(Fd fd, call.TakeFd(dirfd));
    return Readable(call.container(), std::move(fd));
  }
  const bool no_follow = (flags & AT_SYMLINK_NOFOLLOW) != 0;
  return OnPath<Fd>(
      call, PathArg{dirfd, path},
      [&](const Caller& caller, const TreePlace& place) -> gofer::Outcome<Fd> {
        // Behind a magic link (/proc/self/exe) there is a descriptor already.
        if (place.is_descriptor()) {
          auto fd = call.container().tasks->Reopen(place.base);
          if (!fd.ok()) return gofer::Failure{fd.error(), {}};
          return std::move(fd).value();
        }
        return OpenInTree(call, caller, place,
                          no_follow ? gofer::Follow::kNo : gofer::Follow::kYes);
      },
      [&](const Caller& caller, absl::string_view at) -> VirtualResult<Fd> {
        if (no_follow) return Errno(ELOOP);
        auto opened = call.container().tree->Open(caller.viewer(), at, O_RDONLY);
        if (auto* left = std::get_if<LeftTree>(&opened)) return std::move(*left);
        if (auto* error = std::get_if<Errno>(&opened)) return *error;
        return Errno(EACCES);  // nothing of /proc and /sys itself may be executed
      });
}

}  // namespace moat::sentry
