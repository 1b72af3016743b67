// Whom and where a thread of the gofer acts for: file system ids, groups, effective capabilities,
// umask and root directory, all of them the calling thread's own.
//
// How the kernel's checks see it (credentials(7), capabilities(7)):
//  * Real, effective and saved ids stay 0; file checks go by fsuid, fsgid and the groups. That
//    covers ownership (chmod, chown, utimensat, O_NOATIME, sticky directories, protected_*
//    sysctls), creation and POSIX ACLs. faccessat2 is always called with AT_EACCESS, so that it
//    goes by the same ids. The exception is AF_UNIX peer credentials (SO_PEERCRED), which are
//    effective ids: AssumedIds takes those on for one call.
//  * setfsuid(2) between 0 and another id drops or raises file capabilities in the effective set;
//    so the set is put right by capset(2) after every change of the uid.
//  * The effective set is the caller's, cut down to kFileCapabilities and to what the container may
//    have at all, plus kOwnCapabilities, which no path call looks at.
#ifndef MOAT_GOFER_SERVER_IDENTITY_H_
#define MOAT_GOFER_SERVER_IDENTITY_H_

#include <linux/capability.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/protocol/request.h"

namespace moat::gofer {

constexpr uint64_t CapabilityBit(int capability) { return uint64_t{1} << capability; }

// What a caller's effective set can change about a path call. Left out, as they only count in the
// initial user namespace or for calls that are not made here: SYS_ADMIN (trusted.* attributes),
// SYS_RESOURCE (reserved blocks), LEASE (fcntl), LINUX_IMMUTABLE (ioctl).
inline constexpr uint64_t kFileCapabilities =
    CapabilityBit(CAP_CHOWN) | CapabilityBit(CAP_DAC_OVERRIDE) |
    CapabilityBit(CAP_DAC_READ_SEARCH) | CapabilityBit(CAP_FOWNER) | CapabilityBit(CAP_FSETID) |
    CapabilityBit(CAP_MKNOD) | CapabilityBit(CAP_SETFCAP);
// What it takes to act for others; always effective.
inline constexpr uint64_t kOwnCapabilities =
    CapabilityBit(CAP_SETUID) | CapabilityBit(CAP_SETGID) | CapabilityBit(CAP_SYS_CHROOT);
// Permitted always, effective only within a RaisedCapability.
inline constexpr uint64_t kRaisableCapabilities = CapabilityBit(CAP_DAC_READ_SEARCH);

struct IdentityPolicy {
  // The most that any caller of this container may have.
  uint64_t capabilities = 0;
  // setgroups(2) is denied in our user namespace (user_namespaces(7)); then nobody in it can change
  // groups, the workload's are those we were started with, and requests' groups are not applied.
  bool groups_are_fixed = false;
};

// Belongs to one thread and is used only by it.
class ThreadIdentity {
 public:
  // Gives the calling thread a root, working directory and umask of its own. `container_root` is
  // borrowed for the life of the thread.
  static Result<ThreadIdentity> Take(const IdentityPolicy& policy, int container_root);

  // Takes on the credentials of `request`, making only the system calls that the difference to the
  // last request needs. EPERM when an id is none of our user namespace. After an error the thread's
  // identity is undefined until the next success.
  Result<void> Become(const Request& request);
  // Makes `root` the thread's root; none: the container's. The errors of fchdir(2) and chroot(2).
  Result<void> EnterRoot(Fd root);
  // The thread's root as a descriptor.
  int root() const { return caller_root_ ? caller_root_.get() : container_root_; }
  bool in_container_root() const { return !caller_root_.valid(); }

 private:
  friend class RaisedCapability;
  friend class AssumedIds;
  struct Place {
    uint64_t inode = 0, mount = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };

  ThreadIdentity(const IdentityPolicy& policy, int container_root)
      : policy_(policy), container_root_(container_root) {}
  Result<void> ReadCapabilities();
  Result<void> SetIds(const Request& request);
  Result<void> SetGroups(absl::Span<const uint32_t> groups);
  Result<void> SetEffective(uint64_t capabilities);
  static Result<Place> PlaceOf(int directory);
  Result<void> Chroot(int directory);

  IdentityPolicy policy_;
  int container_root_;
  uint64_t permitted_ = 0;
  uint64_t effective_ = 0;
  bool known_ = false;  // whether the fields below are the thread's
  uint32_t uid_ = 0, gid_ = 0, umask_ = 0;
  std::vector<uint32_t> groups_;
  Fd caller_root_;  // none: in the container's root
  Place caller_place_;
};

// Adds `capability` (one of kRaisableCapabilities) to the thread's effective set for its life.
class RaisedCapability {
 public:
  RaisedCapability(ThreadIdentity& identity, int capability);
  ~RaisedCapability();
  RaisedCapability(const RaisedCapability&) = delete;
  RaisedCapability& operator=(const RaisedCapability&) = delete;

 private:
  ThreadIdentity& identity_;
  const uint64_t before_;
};

// Makes the thread's file system ids its effective ones, too, for its life: what a peer asks for
// with SO_PEERCRED (unix(7)). Check ok() before acting.
class AssumedIds {
 public:
  explicit AssumedIds(ThreadIdentity& identity);
  ~AssumedIds();
  AssumedIds(const AssumedIds&) = delete;
  AssumedIds& operator=(const AssumedIds&) = delete;

  bool ok() const { return ok_; }

 private:
  ThreadIdentity& identity_;
  const uint64_t capabilities_;
  bool ok_ = false;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_IDENTITY_H_
