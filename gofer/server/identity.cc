#include "gofer/server/identity.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace moat::gofer {
namespace {

// Raw system calls throughout: glibc's wrappers of the credential calls change every thread of the
// process (nptl(7)), the calls themselves only the calling one.

// setfsuid and setfsgid report no error; -1 changes nothing and tells the present id.
constexpr long kAsk = -1;

Result<void> SetFsId(long call, uint32_t id) {
  ::syscall(call, id);
  if (static_cast<uint32_t>(::syscall(call, kAsk)) != id) return Errno(EPERM);
  return {};
}

struct CapabilitySets {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
};

}  // namespace

Result<ThreadIdentity> ThreadIdentity::Take(const IdentityPolicy& policy, int container_root) {
  if (::unshare(CLONE_FS) < 0) return Errno::Last();
  ThreadIdentity identity(policy, container_root);
  TRY(identity.ReadCapabilities());
  return identity;
}

Result<void> ThreadIdentity::ReadCapabilities() {
  CapabilitySets sets;
  if (::syscall(SYS_capget, &sets.header, sets.data) < 0) return Errno::Last();
  permitted_ = sets.data[0].permitted | uint64_t{sets.data[1].permitted} << 32;
  effective_ = sets.data[0].effective | uint64_t{sets.data[1].effective} << 32;
  return {};
}

Result<void> ThreadIdentity::Become(const Request& request) {
  const bool same_ids = known_ && request.uid == uid_ && request.gid == gid_;
  const bool same_groups = known_ && request.groups == absl::MakeConstSpan(groups_);
  const uint64_t wanted =
      permitted_ &
      (kOwnCapabilities | (request.capabilities & policy_.capabilities & kFileCapabilities));
  if (same_ids && same_groups && wanted == effective_ && request.umask == umask_) return {};

  known_ = false;
  if (!same_groups) TRY(SetGroups(request.groups));
  if (!same_ids) TRY(SetIds(request));
  if (!same_ids || wanted != effective_) TRY(SetEffective(wanted));
  ::umask(request.umask);
  umask_ = request.umask;
  known_ = true;
  return {};
}

Result<void> ThreadIdentity::SetIds(const Request& request) {
  TRY(SetFsId(SYS_setfsgid, request.gid));
  TRY(SetFsId(SYS_setfsuid, request.uid));
  uid_ = request.uid;
  gid_ = request.gid;
  return {};
}

Result<void> ThreadIdentity::SetGroups(absl::Span<const uint32_t> groups) {
  groups_.assign(groups.begin(), groups.end());
  if (policy_.groups_are_fixed) return {};
  if (::syscall(SYS_setgroups, groups_.size(), groups_.data()) < 0) return Errno::Last();
  return {};
}

Result<void> ThreadIdentity::SetEffective(uint64_t capabilities) {
  CapabilitySets sets;
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    sets.data[half].permitted = static_cast<uint32_t>(permitted_ >> (32 * half));
    sets.data[half].effective = static_cast<uint32_t>(capabilities >> (32 * half));
  }
  if (::syscall(SYS_capset, &sets.header, sets.data) < 0) return Errno::Last();
  effective_ = capabilities;
  return {};
}

Result<ThreadIdentity::Place> ThreadIdentity::PlaceOf(int directory) {
  struct statx attributes;
  if (::statx(directory, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &attributes) < 0) {
    return Errno::Last();
  }
  return Place{attributes.stx_ino, attributes.stx_mnt_id};
}

Result<void> ThreadIdentity::EnterRoot(Fd root) {
  if (!root) {
    if (in_container_root()) return {};
    TRY(Chroot(container_root_));
    caller_root_.Reset();
    return {};
  }
  TRY_ASSIGN(const Place place, PlaceOf(root.get()));
  if (caller_root_ && place == caller_place_) return {};
  TRY(Chroot(root.get()));
  caller_root_ = std::move(root);
  caller_place_ = place;
  return {};
}

Result<void> ThreadIdentity::Chroot(int directory) {
  // The caller was allowed into its root when it called chroot(2); search permission may have gone
  // since, which does not matter to it.
  RaisedCapability search(*this, CAP_DAC_READ_SEARCH);
  if (::fchdir(directory) < 0 || ::chroot(".") < 0) return Errno::Last();
  return {};
}

RaisedCapability::RaisedCapability(ThreadIdentity& identity, int capability)
    : identity_(identity), before_(identity.effective_) {
  const uint64_t raised = before_ | (CapabilityBit(capability) & identity.permitted_);
  // Not raised: what it was wanted for fails with EACCES.
  if (raised != before_) (void)identity_.SetEffective(raised).ok();
}

RaisedCapability::~RaisedCapability() {
  // Dropping an effective capability cannot fail (capset(2)); if it did, we must not go on with it.
  if (identity_.effective_ != before_ && !identity_.SetEffective(before_).ok()) std::abort();
}

// setresuid(2) also moves the file system uid, and going from and to uid 0 clears and fills the
// effective set (capabilities(7), "Effect of user ID changes on capabilities").
AssumedIds::AssumedIds(ThreadIdentity& identity)
    : identity_(identity), capabilities_(identity.effective_) {
  ok_ = ::syscall(SYS_setresgid, -1, identity_.gid_, -1) == 0 &&
        ::syscall(SYS_setresuid, -1, identity_.uid_, -1) == 0 &&
        identity_.SetEffective(capabilities_).ok();
}

AssumedIds::~AssumedIds() {
  // uid 0 stays real and saved, so the way back is open; if it were not, we must not go on.
  if (::syscall(SYS_setresuid, -1, 0, -1) < 0 ||
      !identity_.SetEffective(identity_.permitted_).ok() ||
      ::syscall(SYS_setresgid, -1, 0, -1) < 0) {
    std::abort();
  }
  identity_.known_ = false;
}

}  // namespace moat::gofer
