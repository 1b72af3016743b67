#include <sys/xattr.h>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

bool Follows(const Job& job) { return job.Wide(0) != 0; }

// What the base itself refers to is meant. For an O_PATH descriptor the calls below, like
// setxattrat(2) and its kin, give EBADF: the sentry sends an open one
// (sentry/syscalls/sys_xattr.cc).
bool IsDescriptor(const Job& job) { return *job.path() == '\0'; }

}  // namespace

Performed GetXattr(Job& job) {
  if (IsDescriptor(job)) {
    return Bytes(job, ::fgetxattr(job.base, job.second(), job.scratch.data(), kMaxXattrValue));
  }
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::getxattr : ::lgetxattr;
  return Bytes(job, call(job.path(), job.second(), job.scratch.data(), kMaxXattrValue));
}

Performed ListXattr(Job& job) {
  if (IsDescriptor(job)) {
    return Bytes(job, ::flistxattr(job.base, job.scratch.data(), kMaxXattrValue));
  }
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::listxattr : ::llistxattr;
  return Bytes(job, call(job.path(), job.scratch.data(), kMaxXattrValue));
}

Performed SetXattr(Job& job) {
  const absl::string_view value = job.request.data;
  if (IsDescriptor(job)) {
    return Done(::fsetxattr(job.base, job.second(), value.data(), value.size(), job.Int(1)));
  }
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::setxattr : ::lsetxattr;
  return Done(call(job.path(), job.second(), value.data(), value.size(), job.Int(1)));
}

Performed RemoveXattr(Job& job) {
  if (IsDescriptor(job)) return Done(::fremovexattr(job.base, job.second()));
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::removexattr : ::lremovexattr;
  return Done(call(job.path(), job.second()));
}

}  // namespace moat::gofer
