#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

constexpr uint32_t kAttributes = STATX_BASIC_STATS | STATX_MNT_ID;
// How often a file may be swapped under OpenForExec before it gives up.
constexpr int kExecAttempts = 8;

bool Describe(int fd, struct statx& attributes) {
  return ::statx(fd, "", AT_EMPTY_PATH, kAttributes, &attributes) == 0;
}

Performed Give(const Job& job, Fd fd, const struct statx& attributes) {
  std::memcpy(job.scratch.data(), &attributes, sizeof(attributes));
  Performed performed = Bytes(job, sizeof(attributes));
  performed.fd = std::move(fd);
  performed.mount_id = attributes.stx_mnt_id;
  return performed;
}

// openat(2) ignores flags that it does not know and openat2(2) refuses them, so each caller gets
// its own. O_NOCTTY may not go with O_PATH in openat2.
Fd OpenAsCaller(const Job& job) {
  uint64_t flags = job.Wide(0) | O_CLOEXEC;
  if ((flags & O_PATH) == 0) flags |= O_NOCTTY;
  if (job.Wide(2) == 0) {
    return Fd(::openat(job.base, job.path(), static_cast<int>(flags), job.Uint(1)));
  }
  open_how how = {};
  how.flags = flags;
  how.mode = job.Wide(1);
  how.resolve = job.Wide(2);
  return Fd(static_cast<int>(::syscall(SYS_openat2, job.base, job.path(), &how, sizeof(how))));
}

bool SameFile(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
         a.stx_dev_minor == b.stx_dev_minor && a.stx_mnt_id == b.stx_mnt_id;
}

// The errno that execve(2) has for the file, by the order of may_open() in fs/namei.c; 0 when it
// may be executed. faccessat2 goes by the file system ids because of AT_EACCESS and refuses X_OK on
// regular files of noexec mounts.
int RefusalToExecute(int file, const struct statx& attributes) {
  if (S_ISLNK(attributes.stx_mode)) return ELOOP;
  if (!S_ISREG(attributes.stx_mode)) return EACCES;
  const long access = ::syscall(SYS_faccessat2, file, "", X_OK, AT_EACCESS | AT_EMPTY_PATH);
  return access < 0 ? errno : 0;
}

struct OpenedToRead {
  Fd fd;
  bool secret = false;  // the caller itself may not read it
};

// Opens the path once more, for reading. Executing needs no read permission, hence the capability
// on the second try; that it is the file that passed RefusalToExecute is for the caller to compare.
OpenedToRead OpenToRead(const Job& job, int nofollow) {
  // O_NONBLOCK: the file may have been replaced by a FIFO.
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | nofollow;
  Fd fd(::openat(job.base, job.path(), flags));
  if (fd || errno != EACCES) return {std::move(fd)};
  RaisedCapability read(job.identity, CAP_DAC_READ_SEARCH);
  fd.Reset(::openat(job.base, job.path(), flags));
  return {std::move(fd), true};
}

// Takes O_NONBLOCK off again: it means nothing on a regular file but shows in F_GETFL.
bool ClearNonblock(int fd) { return ::fcntl(fd, F_SETFL, 0) == 0; }

}  // namespace

Performed Open(Job& job) {
  Fd fd = OpenAsCaller(job);
  struct statx attributes;
  if (!fd || !Describe(fd.get(), attributes)) return Failed(errno);
  return Give(job, std::move(fd), attributes);
}

Performed OpenForExec(Job& job) {
  const int nofollow = job.Wide(0) != 0 ? 0 : O_NOFOLLOW;
  // Without procfs an O_PATH descriptor cannot be turned into a readable one, so the path is opened
  // twice and both must be the same file.
  for (int attempt = 0; attempt < kExecAttempts; ++attempt) {
    const Fd file(::openat(job.base, job.path(), O_PATH | O_CLOEXEC | nofollow));
    struct statx attributes;
    if (!file || !Describe(file.get(), attributes)) return Failed(errno);
    if (const int refusal = RefusalToExecute(file.get(), attributes); refusal != 0) {
      Performed refused = Failed(refusal);
      refused.mount_id = attributes.stx_mnt_id;
      return refused;
    }
    OpenedToRead read = OpenToRead(job, nofollow);
    Fd& readable = read.fd;
    struct statx opened;
    if (!readable && errno != ENXIO && errno != ENOENT) return Failed(errno);
    if (!readable || !Describe(readable.get(), opened) || !SameFile(attributes, opened)) continue;
    if (!ClearNonblock(readable.get())) return Failed(errno);
    Performed performed = Give(job, std::move(readable), opened);
    performed.value = read.secret ? 1 : 0;
    return performed;
  }
  return Failed(EACCES);
}

}  // namespace moat::gofer
