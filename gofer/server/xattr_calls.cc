#include <sys/xattr.h>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

bool Follows(const Job& job) { return job.Wide(0) != 0; }

}  // namespace

Performed GetXattr(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::getxattr : ::lgetxattr;
  return Bytes(job, call(job.path(), job.second(), job.scratch.data(), kMaxXattrValue));
}

Performed ListXattr(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::listxattr : ::llistxattr;
  return Bytes(job, call(job.path(), job.scratch.data(), kMaxXattrValue));
}

Performed SetXattr(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::setxattr : ::lsetxattr;
  const absl::string_view value = job.request.data;
  return Done(call(job.path(), job.second(), value.data(), value.size(), job.Int(1)));
}

Performed RemoveXattr(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  const auto call = Follows(job) ? ::removexattr : ::lremovexattr;
  return Done(call(job.path(), job.second()));
}

}  // namespace moat::gofer
