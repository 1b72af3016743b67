#include "sentry/exec/set_id.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "sentry/container.h"

namespace moat::sentry {
namespace {

constexpr uint64_t CapabilityBit(int number) { return uint64_t{1} << number; }

// Which of the bits count for the caller.
SetIdKind WantedKind(const struct stat& program, const TaskInfo& task) {
  SetIdKind kind;
  if ((program.st_mode & S_ISUID) != 0 && program.st_uid != task.uid.effective) {
    kind.uid = program.st_uid;
  }
  const bool sets_group = (program.st_mode & S_ISGID) != 0 && (program.st_mode & S_IXGRP) != 0;
  if (sets_group && program.st_gid != task.gid.effective) kind.gid = program.st_gid;
  return kind;
}

// Gives the copy, which is the sentry's own file, its owner, group and bits. The gofer does it: to
// give files away takes CAP_CHOWN, which the sentry lacks.
Result<void> GiveAway(Call& call, const Fd& copy, const SetIdKind& kind) {
  const uint32_t uid = kind.uid.value_or(0), gid = kind.gid.value_or(0);
  const uint32_t mode = 0555 | (kind.uid ? S_ISUID : 0) | (kind.gid ? S_ISGID : 0);
  if (uid == 0 && gid == 0) {
    if (::fchmod(copy.get(), mode) < 0) return Errno::Last();
    return {};
  }
  const gofer::PathRef itself = {"", copy.get(), -1};
  gofer::Credentials root;
  root.capabilities = CapabilityBit(CAP_CHOWN) | CapabilityBit(CAP_FOWNER);
  const auto given = call.gofer().Chown(root, itself, uid, gid, AT_EMPTY_PATH);
  if (const auto* failure = std::get_if<gofer::Failure>(&given)) return failure->error;
  gofer::Credentials owner;
  owner.uid = uid;
  owner.gid = gid;
  const auto set = call.gofer().Chmod(owner, itself, mode, AT_EMPTY_PATH);
  if (const auto* failure = std::get_if<gofer::Failure>(&set)) return failure->error;
  return {};
}

// The top of the stub's tmpfs by the caller's mount: up from its root, which may be a marker.
Result<Fd> TopOf(Call& call) {
  constexpr int kMaxSteps = 128;
  TRY_ASSIGN(const struct stat top, call.container().plans->root().Top());
  TRY_ASSIGN(Fd directory, call.container().tasks->OpenLink(call.trap().tid, "root"));
  for (int step = 0; step < kMaxSteps; ++step) {
    struct stat attributes;
    if (::fstat(directory.get(), &attributes) < 0) return Errno::Last();
    if (attributes.st_dev != top.st_dev) return Errno(EACCES);
    if (attributes.st_ino == top.st_ino) return directory;
    directory.Reset(::openat(directory.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return Errno::Last();
  }
  return Errno(ELOOP);
}

Result<Fd> OpenStub(Call& call, const SetIdKind& kind) {
  TRY_ASSIGN(const std::string name,
             call.container().plans->root().ProvideSetId(
                 kind, [&](const Fd& copy) { return GiveAway(call, copy, kind); }));
  TRY_ASSIGN(const Fd top, TopOf(call));
  Fd stub(::openat(top.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!stub) return Errno::Last();
  return stub;
}

}  // namespace

std::optional<Fd> SetIdStub(Call& call, const Fd& program) {
  struct stat attributes;
  if (::fstat(program.get(), &attributes) < 0) return std::nullopt;
  if ((attributes.st_mode & (S_ISUID | S_ISGID)) == 0) return std::nullopt;
  struct statfs mount;
  if (::fstatfs(program.get(), &mount) < 0 || (mount.f_flags & ST_NOSUID) != 0) return std::nullopt;
  const auto task = call.Task();
  if (!task.ok()) return std::nullopt;
  const SetIdKind kind = WantedKind(attributes, **task);
  if (!kind.uid && !kind.gid) return std::nullopt;
  auto stub = OpenStub(call, kind);
  if (!stub.ok()) return std::nullopt;
  return *std::move(stub);
}

}  // namespace moat::sentry
