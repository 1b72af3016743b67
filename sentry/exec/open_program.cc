#include "sentry/exec/open_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/reopen.h"

namespace moat::sentry {
namespace {

// The file behind a descriptor of whatever mode, opened by the sentry.
Result<OpenedProgram> OpenAnew(Call& call, const Caller& caller, const Fd& fd) {
  TRY_ASSIGN(Fd readable, call.container().tasks->Reopen(fd));
  const gofer::PathRef itself = {"", fd.get(), -1};
  const auto access = call.gofer().Access(caller.credentials, itself, R_OK, AT_EMPTY_PATH);
  return OpenedProgram{std::move(readable), std::holds_alternative<gofer::Failure>(access)};
}

// A caller's descriptor, made readable. The sentry's own procfs leads to the file behind an O_PATH
// or write-only one; that needs read permission for the sentry's uid, which the files of other
// users may lack: EACCES.
Result<OpenedProgram> Readable(Call& call, Fd fd) {
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) < 0) return Errno::Last();
  if (S_ISLNK(attributes.st_mode)) return Errno(ELOOP);
  if (!S_ISREG(attributes.st_mode)) return Errno(EACCES);
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Errno::Last();
  const int access = flags & O_ACCMODE;
  if (!(flags & O_PATH) && access != O_WRONLY) return OpenedProgram{std::move(fd)};
  TRY_ASSIGN(const Caller caller, Identify(call));
  return OpenAnew(call, caller, fd);
}

gofer::Outcome<OpenedProgram> OpenInTree(Call& call, const Caller& caller, const TreePlace& place,
                                         gofer::Follow follow) {
  if (follow == gofer::Follow::kYes) {
    const auto memory = call.gofer().Recall(caller.credentials, place.ref(), follow);
    if (memory.missing) return gofer::Failure{Errno(ENOENT), {}};
    if (memory.known) {
      if (auto opened = OpenForExecUnasked(caller.credentials, memory)) {
        return OpenedProgram{std::move(opened->fd)};
      }
    }
  }
  auto opened = call.gofer().OpenForExec(caller.credentials, place.ref(), follow);
  if (auto* failure = std::get_if<gofer::Failure>(&opened)) return std::move(*failure);
  auto& file = std::get<gofer::Opened>(opened);
  return OpenedProgram{std::move(file.fd), file.secret};
}

}  // namespace

Result<OpenedProgram> OpenProgram(Call& call, int dirfd, const std::string& path, int flags) {
  if (path.empty()) {
    if (!(flags & AT_EMPTY_PATH)) return Errno(ENOENT);
    TRY_ASSIGN(Fd fd, call.TakeFd(dirfd));
    return Readable(call, std::move(fd));
  }
  const bool no_follow = (flags & AT_SYMLINK_NOFOLLOW) != 0;
  return OnPath<OpenedProgram>(
      call, PathArg{dirfd, path},
      [&](const Caller& caller, const TreePlace& place) -> gofer::Outcome<OpenedProgram> {
        // Behind a magic link (/proc/self/exe) there is a descriptor already.
        if (place.is_descriptor()) {
          auto program = OpenAnew(call, caller, *place.base);
          if (!program.ok()) return gofer::Failure{program.error(), {}};
          return std::move(program).value();
        }
        return OpenInTree(call, caller, place,
                          no_follow ? gofer::Follow::kNo : gofer::Follow::kYes);
      },
      [&](const Caller& caller, absl::string_view at) -> VirtualResult<OpenedProgram> {
        if (no_follow) return Errno(ELOOP);
        auto opened = call.container().tree->Open(caller.viewer(), at, O_RDONLY);
        if (auto* left = std::get_if<LeftTree>(&opened)) return std::move(*left);
        if (auto* error = std::get_if<Errno>(&opened)) return *error;
        return Errno(EACCES);  // nothing of /proc and /sys itself may be executed
      });
}

}  // namespace moat::sentry
