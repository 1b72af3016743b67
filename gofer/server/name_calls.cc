#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gofer/server/calls.h"

namespace moat::gofer {

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
  return Done(::linkat(job.base, job.path(), job.second_base, job.second(), job.Int(0)));
}

Performed Unlink(Job& job) { return Done(::unlinkat(job.base, job.path(), job.Int(0))); }

Performed Rename(Job& job) {
  return Done(::renameat2(job.base, job.path(), job.second_base, job.second(), job.Uint(0)));
}

}  // namespace moat::gofer
