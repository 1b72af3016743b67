#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

bool MaySearch(int directory) {
  return ::syscall(SYS_faccessat2, directory, "", X_OK, AT_EACCESS | AT_EMPTY_PATH) == 0;
}

// linkat(2) of a descriptor. Linux wants CAP_DAC_READ_SEARCH for it, or (since 6.10) the very
// credentials that opened the file, which are never the caller's own here; but it lets everyone
// do the same through /proc/self/fd. So the caller's right to the new name is checked first, by
// opening its directory, and only the link itself is made with the capability: it cannot stand in
// for write permission.
Performed LinkDescriptor(Job& job) {
  const absl::string_view path = job.request.second;
  const size_t name_end = path.find_last_not_of('/');
  const size_t slash = name_end == absl::string_view::npos ? name_end : path.rfind('/', name_end);
  const size_t name = slash == absl::string_view::npos ? 0 : slash + 1;
  const std::string parent(name == 0 ? "." : std::string(path.substr(0, name)));
  const Fd directory(::openat(job.second_base, parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory || !MaySearch(directory.get())) return Failed(errno);
  RaisedCapability search(job.identity, CAP_DAC_READ_SEARCH);
  return Done(::linkat(job.base, "", directory.get(), job.second() + name, job.Int(0)));
}

}  // namespace

Performed ReadLink(Job& job) {
  return Bytes(job, ::readlinkat(job.base, job.path(), job.scratch.data(), PATH_MAX));
}

Performed Mkdir(Job& job) { return Done(::mkdirat(job.base, job.path(), job.Uint(0))); }

Performed Mknod(Job& job) {
  // Raw: glibc refuses device numbers that do not fit 32 bits instead of letting Linux cut them.
  return Done(::syscall(SYS_mknodat, job.base, job.path(), job.Uint(0), job.Uint(1)));
}

Performed Symlink(Job& job) { return Done(::symlinkat(job.second(), job.base, job.path())); }

Performed Link(Job& job) {
  const bool descriptor = job.request.path.empty() && (job.Int(0) & AT_EMPTY_PATH) != 0;
  if (descriptor && !job.request.second.empty()) return LinkDescriptor(job);
  return Done(::linkat(job.base, job.path(), job.second_base, job.second(), job.Int(0)));
}

Performed Unlink(Job& job) { return Done(::unlinkat(job.base, job.path(), job.Int(0))); }

Performed Rename(Job& job) {
  return Done(::renameat2(job.base, job.path(), job.second_base, job.second(), job.Uint(0)));
}

}  // namespace moat::gofer
