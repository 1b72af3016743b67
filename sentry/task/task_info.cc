#include "sentry/task/task_info.h"

namespace moat::sentry {

gofer::Credentials TaskInfo::FileCredentials() const {
  return {.uid = uid.fs,
          .gid = gid.fs,
          .groups = groups,
          .capabilities = cap_effective,
          .umask = umask};
}

gofer::Credentials TaskInfo::AccessCredentials() const {
  return {.uid = uid.real,
          .gid = gid.real,
          .groups = groups,
          .capabilities = uid.real == 0 ? cap_permitted : 0,
          .umask = umask};
}

}  // namespace moat::sentry
