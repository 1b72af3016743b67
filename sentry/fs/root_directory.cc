#include "sentry/fs/root_directory.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <variant>

#include "sentry/container.h"
#include "sentry/fs/hand_over.h"
#include "sentry/fs/on_path.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

Result<bool> SameDirectory(const Fd& a, const Fd& b) {
  struct statx first, second;
  constexpr unsigned kMask = STATX_INO | STATX_MNT_ID;
  if (::statx(a.get(), "", AT_EMPTY_PATH, kMask, &first) < 0 ||
      ::statx(b.get(), "", AT_EMPTY_PATH, kMask, &second) < 0) {
    return Errno::Last();
  }
  return first.stx_ino == second.stx_ino && first.stx_mnt_id == second.stx_mnt_id;
}

// In the order of ksys_chroot of fs/open.c.
Result<void> CheckMayChroot(Call& call, const Fd& directory) {
  TRY_ASSIGN(const Caller caller, Identify(call));
  const gofer::PathRef itself = {"", directory.get(), -1};
  auto search = call.gofer().Access(caller.credentials, itself, X_OK, AT_EMPTY_PATH);
  if (auto* failure = std::get_if<gofer::Failure>(&search)) return failure->error;
  if ((caller.task.cap_effective & (uint64_t{1} << CAP_SYS_CHROOT)) == 0) return Errno(EPERM);
  struct statx attributes;
  if (::statx(directory.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) < 0) {
    return Errno::Last();
  }
  if (call.container().tree->PathOfDirectory(attributes)) return Errno(EPERM);
  return {};
}

// chroot(2) by the task itself, which passes the filter with the cookie.
Result<uint64_t> ChrootInTask(Call& call, platform::Session& session, const std::string& path) {
  const absl::string_view with_nul(path.c_str(), path.size() + 1);
  return UseBytes(call, session, with_nul, [&](platform::GuestAddr at) {
    return session.Call(SYS_chroot, {at.value(), 0, 0, 0, 0, call.platform().cookie()});
  });
}

}  // namespace

Result<Fd> OpenContainerRoot(Call& call) {
  auto opened = call.gofer().Open({}, {"/"}, O_PATH | O_DIRECTORY, 0, 0, nullptr);
  if (auto* failure = std::get_if<gofer::Failure>(&opened)) return failure->error;
  return std::move(std::get<gofer::Opened>(opened).fd);
}

Outcome ChangeRoot(Call& call, const PathArg& where) {
  TRY_ASSIGN(auto opened, OpenFile(call, {.where = where, .flags = O_PATH | O_DIRECTORY}));
  TRY(CheckMayChroot(call, opened.fd));
  TRY_ASSIGN(const Fd top, OpenContainerRoot(call));
  TRY_ASSIGN(const bool is_top, SameDirectory(opened.fd, top));
  TRY_ASSIGN(const auto destination,
             call.container().roots->MarkerFor(call.trap().tid, std::move(opened.fd), is_top));
  if (destination.path == "/") return Value{0};
  TRY_ASSIGN(const auto session, call.platform().Enter(call.trap()));
  session->Finish(AsReturned(ChrootInTask(call, *session, destination.path)));
  return Finished();
}

}  // namespace moat::sentry
