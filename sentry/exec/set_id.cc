#include "sentry/exec/set_id.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "sentry/container.h"
#include "sentry/fs/hand_over.h"

namespace moat::sentry {
namespace {

constexpr uint64_t CapabilityBit(int number) { return uint64_t{1} << number; }

constexpr char kCapabilityName[] = "security.capability";

// The value of that attribute, if it is one that counts here: the kernel gives the second version
// of it where the file's capabilities are those of this user namespace or of one above
// (cap_inode_getsecurity, security/commoncap.c).
std::string FileCapabilities(const Fd& program) {
  vfs_cap_data data;
  const ssize_t size = ::fgetxattr(program.get(), kCapabilityName, &data, sizeof(data));
  if (size != ssize_t{XATTR_CAPS_SZ_2}) return "";
  if ((le32toh(data.magic_etc) & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_2) return "";
  return {static_cast<const char*>(static_cast<const void*>(&data)), sizeof(data)};
}

// Which of a program's rights count for the caller.
SetIdKind WantedKind(const struct stat& program, std::string capabilities, const TaskInfo& task) {
  SetIdKind kind;
  // Root has all that it may have, whatever the file says.
  if (task.uid.real != 0 && task.uid.effective != 0) kind.capabilities = std::move(capabilities);
  if ((program.st_mode & S_ISUID) != 0 && program.st_uid != task.uid.effective) {
    kind.uid = program.st_uid;
  }
  const bool sets_group = (program.st_mode & S_ISGID) != 0 && (program.st_mode & S_IXGRP) != 0;
  if (sets_group && program.st_gid != task.gid.effective) kind.gid = program.st_gid;
  return kind;
}

// Last of all: a change of owner would take them away.
Result<void> GiveCapabilities(Call& call, const gofer::PathRef& copy,
                              const std::string& capabilities) {
  if (capabilities.empty()) return {};
  gofer::Credentials root;
  root.capabilities = CapabilityBit(CAP_SETFCAP);
  const auto set = call.gofer().SetXattr(root, copy, gofer::Follow::kNo, kCapabilityName,
                                         capabilities, XATTR_CREATE);
  if (const auto* failure = std::get_if<gofer::Failure>(&set)) return failure->error;
  return {};
}

// Gives the copy, which is the sentry's own file, its owner, group and bits. The gofer does it: to
// give files away takes CAP_CHOWN, which the sentry lacks.
Result<void> GiveAway(Call& call, const Fd& copy, const SetIdKind& kind) {
  const uint32_t uid = kind.uid.value_or(0), gid = kind.gid.value_or(0);
  const uint32_t mode = 0555 | (kind.uid ? S_ISUID : 0) | (kind.gid ? S_ISGID : 0);
  const gofer::PathRef itself = {"", copy.get(), -1};
  if (uid == 0 && gid == 0) {
    if (::fchmod(copy.get(), mode) < 0) return Errno::Last();
    return GiveCapabilities(call, itself, kind.capabilities);
  }
  gofer::Credentials root;
  root.capabilities = CapabilityBit(CAP_CHOWN) | CapabilityBit(CAP_FOWNER);
  const auto given = call.gofer().Chown(root, itself, uid, gid, AT_EMPTY_PATH);
  if (const auto* failure = std::get_if<gofer::Failure>(&given)) return failure->error;
  gofer::Credentials owner;
  owner.uid = uid;
  owner.gid = gid;
  const auto set = call.gofer().Chmod(owner, itself, mode, AT_EMPTY_PATH);
  if (const auto* failure = std::get_if<gofer::Failure>(&set)) return failure->error;
  return GiveCapabilities(call, itself, kind.capabilities);
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

std::optional<SetIdStub> FindSetIdStub(Call& call, const Fd& program) {
  struct stat attributes;
  if (::fstat(program.get(), &attributes) < 0) return std::nullopt;
  std::string capabilities = FileCapabilities(program);
  const bool has_bits = (attributes.st_mode & (S_ISUID | S_ISGID)) != 0;
  if (!has_bits && capabilities.empty()) return std::nullopt;
  struct statfs mount;
  if (::fstatfs(program.get(), &mount) < 0 || (mount.f_flags & ST_NOSUID) != 0) return std::nullopt;
  const auto task = call.Task();
  if (!task.ok()) return std::nullopt;
  const SetIdKind kind = WantedKind(attributes, std::move(capabilities), **task);
  if (!kind.uid && !kind.gid && kind.capabilities.empty()) return std::nullopt;
  auto stub = OpenStub(call, kind);
  if (!stub.ok()) return std::nullopt;
  return SetIdStub{*std::move(stub), !kind.capabilities.empty()};
}

Result<platform::FileRights> KeepCapabilities(Call& call, platform::Session& session) {
  struct Request {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3] = {};
  } request;
  const absl::string_view bytes(static_cast<const char*>(static_cast<const void*>(&request)),
                                sizeof(request));
  const auto inherit_all = [&](platform::GuestAddr at) -> Result<uint64_t> {
    const uint64_t halves = at.Plus(sizeof(request.header)).value();
    TRY(session.Call(SYS_capget, {at.value(), halves}));
    TRY_ASSIGN(request, call.ReadObject<Request>(at));
    Request all = request;
    for (auto& half : all.halves) half.inheritable |= half.permitted;
    TRY(call.WriteObject(at, all));
    return session.Call(SYS_capset, {at.value(), halves});
  };
  TRY(UseBytes(call, session, bytes, inherit_all));
  const auto set = [&request](uint32_t __user_cap_data_struct::*member) {
    return uint64_t{request.halves[1].*member} << 32 | request.halves[0].*member;
  };
  platform::FileRights rights;
  rights.capabilities = {set(&__user_cap_data_struct::effective),
                         set(&__user_cap_data_struct::permitted),
                         set(&__user_cap_data_struct::inheritable)};
  TRY_ASSIGN(const uint64_t dumpable, session.Call(SYS_prctl, {PR_GET_DUMPABLE}));
  rights.dumpable = dumpable == 1;
  for (uint64_t number = 0; number < 64; ++number) {
    if ((rights.capabilities.permitted >> number & 1) == 0) continue;
    TRY(session.Call(SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number}));
  }
  return rights;
}

}  // namespace moat::sentry
