#include "sentry/fs/working_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sentry/container.h"
#include "sentry/fs/hand_over.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

// A descriptor that fchdir(2) takes. A directory that may be searched but not read can only be
// opened with O_PATH, which costs more to hand over.
Result<Fd> OpenDirectory(Call& call, const PathArg& where) {
  auto opened = OpenFile(call, {.where = where, .flags = O_RDONLY | O_DIRECTORY});
  if (!opened.ok() && opened.error() == Errno(EACCES)) {
    opened = OpenFile(call, {.where = where, .flags = O_PATH | O_DIRECTORY});
  }
  if (!opened.ok()) return opened.error();
  return std::move(opened->fd);
}

// `path` as a task whose root is `top` sees it (getcwd(3)).
std::string BelowRoot(const std::string& path, const std::string& top) {
  if (path == top) return "/";
  if (absl::StartsWith(path, absl::StrCat(top, "/"))) return path.substr(top.size());
  return absl::StrCat("(unreachable)", path);
}

}  // namespace

Outcome ChangeDirectory(Call& call, const PathArg& where) {
  TRY_ASSIGN(const Fd directory, OpenDirectory(call, where));
  return UseDescriptor(call, directory, [&call](platform::Session& session, int number) {
    // The kernel checks the caller's right to search the directory.
    const auto changed = session.Call(SYS_fchdir, {static_cast<uint64_t>(number)});
    call.container().cache->WorkingDirectoriesChange();
    return CloseAndReturn(session, number, AsReturned(changed));
  });
}

Result<std::string> NameWorkingDirectory(Call& call) {
  TRY_ASSIGN(const auto directory, call.WorkingDirectory());
  struct statx attributes {};
  if (::statx(directory->fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0) {
    return Errno::Last();
  }
  if (auto path = call.container().tree->PathOfDirectory(attributes)) return *std::move(path);
  if (attributes.stx_nlink == 0) return Errno(ENOENT);
  TRY_ASSIGN(const std::string path, call.container().tasks->ReadLink(call.trap().tid, "cwd"));
  TRY_ASSIGN(const Fd root, call.RootDirectory());
  if (!root) return path;
  TRY_ASSIGN(const std::string top, call.container().tasks->NameOf(root));
  return BelowRoot(path, top);
}

}  // namespace moat::sentry
