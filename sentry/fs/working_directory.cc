#include "sentry/fs/working_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <utility>

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

}  // namespace

Outcome ChangeDirectory(Call& call, const PathArg& where) {
  TRY_ASSIGN(const Fd directory, OpenDirectory(call, where));
  return UseDescriptor(call, directory, [](platform::Session& session, int number) {
    // The kernel checks the caller's right to search the directory.
    const auto changed = session.Call(SYS_fchdir, {static_cast<uint64_t>(number)});
    return CloseAndReturn(session, number, AsReturned(changed));
  });
}

Result<std::string> NameWorkingDirectory(Call& call) {
  TRY_ASSIGN(const Fd directory, call.WorkingDirectory());
  struct statx attributes {};
  if (::statx(directory.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0) {
    return Errno::Last();
  }
  if (auto path = call.container().tree->PathOfDirectory(attributes)) return *std::move(path);
  if (attributes.stx_nlink == 0) return Errno(ENOENT);
  return call.container().tasks->ReadLink(call.trap().tid, "cwd");
}

}  // namespace moat::sentry
