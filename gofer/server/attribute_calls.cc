#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

constexpr long kFchmodat2 = 452;  // Linux 6.6; not yet in Debian 12's headers

}  // namespace

Performed Stat(Job& job) {
  struct statx attributes;
  // The mount costs nothing and tells a crossing.
  if (::statx(job.base, job.path(), job.Int(0), job.Uint(1) | STATX_MNT_ID, &attributes) < 0) {
    return Failed(errno);
  }
  std::memcpy(job.scratch.data(), &attributes, sizeof(attributes));
  Performed performed = Bytes(job, sizeof(attributes));
  performed.mount_id = attributes.stx_mnt_id;
  return performed;
}

Performed StatFs(Job& job) {
  // By descriptor: statfs(2) has no *at form, and this way the mount is known.
  const Fd file(::openat(job.base, job.path(), O_PATH | O_CLOEXEC));
  struct statx attributes;
  struct statfs file_system;
  if (!file || ::fstatfs(file.get(), &file_system) < 0 ||
      ::statx(file.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &attributes) < 0) {
    return Failed(errno);
  }
  std::memcpy(job.scratch.data(), &file_system, sizeof(file_system));
  Performed performed = Bytes(job, sizeof(file_system));
  performed.mount_id = attributes.stx_mnt_id;
  return performed;
}

Performed Access(Job& job) {
  // AT_EACCESS: by the file system ids, into which the caller has put the ids that count.
  return Done(::syscall(SYS_faccessat2, job.base, job.path(), job.Int(0), job.Int(1) | AT_EACCESS));
}

Performed Chmod(Job& job) {
  if (job.Int(1) == 0) return Done(::fchmodat(job.base, job.path(), job.Uint(0), 0));
  return Done(::syscall(kFchmodat2, job.base, job.path(), job.Uint(0), job.Int(1)));
}

Performed Chown(Job& job) {
  return Done(::fchownat(job.base, job.path(), job.Uint(0), job.Uint(1), job.Int(2)));
}

Performed SetTimes(Job& job) {
  std::array<timespec, 2> times;
  const bool now = job.request.data.empty();
  if (!now) std::memcpy(times.data(), job.request.data.data(), sizeof(times));
  // Raw: glibc refuses flags that it does not know.
  return Done(
      ::syscall(SYS_utimensat, job.base, job.path(), now ? nullptr : times.data(), job.Int(0)));
}

Performed Truncate(Job& job) {
  if (!StartAtBase(job)) return Failed(errno);
  return Done(::truncate(job.path(), static_cast<off_t>(job.Wide(0))));
}

}  // namespace moat::gofer
