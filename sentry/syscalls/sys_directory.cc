// The caller's directories: chdir, chroot, getcwd.
#include <fcntl.h>

#include <string>

#include "sentry/fs/root_directory.h"
#include "sentry/fs/working_directory.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {

Outcome SysChdir(Call& call) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, AT_FDCWD, call.AddrArg(0)));
  return ChangeDirectory(call, where);
}

Outcome SysChroot(Call& call) {
  TRY_ASSIGN(const PathArg where, ReadPathArg(call, AT_FDCWD, call.AddrArg(0)));
  return ChangeRoot(call, where);
}

Outcome SysGetcwd(Call& call) {
  TRY_ASSIGN(std::string path, NameWorkingDirectory(call));
  path.push_back('\0');
  if (path.size() > call.Arg(1)) return Errno(ERANGE);
  TRY(call.WriteBytes(call.AddrArg(0), path));
  return Value{static_cast<int64_t>(path.size())};
}

}  // namespace moat::sentry
