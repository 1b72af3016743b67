// The handlers of the table, by the file they are in. SysExecve, SysExecveat and SysLoaderPlan are
// in sentry/exec.
#ifndef MOAT_SENTRY_SYSCALLS_HANDLERS_H_
#define MOAT_SENTRY_SYSCALLS_HANDLERS_H_

#include "sentry/call.h"

namespace moat::sentry {

// sys_open.cc
Outcome SysOpen(Call& call);
Outcome SysOpenat(Call& call);
Outcome SysOpenat2(Call& call);
Outcome SysCreat(Call& call);
Outcome SysTruncate(Call& call);

// sys_stat.cc
Outcome SysStat(Call& call);
Outcome SysLstat(Call& call);
Outcome SysNewfstatat(Call& call);
Outcome SysStatx(Call& call);
Outcome SysAccess(Call& call);
Outcome SysFaccessat(Call& call);
Outcome SysFaccessat2(Call& call);
Outcome SysStatfs(Call& call);
Outcome SysFstatfs(Call& call);

// sys_link.cc
Outcome SysMkdir(Call& call);
Outcome SysMkdirat(Call& call);
Outcome SysMknod(Call& call);
Outcome SysMknodat(Call& call);
Outcome SysRmdir(Call& call);
Outcome SysUnlink(Call& call);
Outcome SysUnlinkat(Call& call);
Outcome SysRename(Call& call);
Outcome SysRenameat(Call& call);
Outcome SysRenameat2(Call& call);
Outcome SysLink(Call& call);
Outcome SysLinkat(Call& call);
Outcome SysSymlink(Call& call);
Outcome SysSymlinkat(Call& call);
Outcome SysReadlink(Call& call);
Outcome SysReadlinkat(Call& call);

// sys_metadata.cc
Outcome SysChmod(Call& call);
Outcome SysFchmodat(Call& call);
Outcome SysFchmodat2(Call& call);
Outcome SysChown(Call& call);
Outcome SysLchown(Call& call);
Outcome SysFchownat(Call& call);
Outcome SysUtime(Call& call);
Outcome SysUtimes(Call& call);
Outcome SysFutimesat(Call& call);
Outcome SysUtimensat(Call& call);

// sys_xattr.cc
Outcome SysSetxattr(Call& call);
Outcome SysLsetxattr(Call& call);
Outcome SysSetxattrat(Call& call);
Outcome SysGetxattr(Call& call);
Outcome SysLgetxattr(Call& call);
Outcome SysGetxattrat(Call& call);
Outcome SysListxattr(Call& call);
Outcome SysLlistxattr(Call& call);
Outcome SysListxattrat(Call& call);
Outcome SysRemovexattr(Call& call);
Outcome SysLremovexattr(Call& call);
Outcome SysRemovexattrat(Call& call);
Outcome SysFlistxattr(Call& call);
Outcome SysFremovexattr(Call& call);

// sys_directory.cc
Outcome SysChdir(Call& call);
Outcome SysChroot(Call& call);
Outcome SysGetcwd(Call& call);

// sys_descriptor.cc
Outcome SysLseek(Call& call);
Outcome SysInotifyAddWatch(Call& call);
Outcome SysSync(Call& call);
Outcome SysInotifyRmWatch(Call& call);
Outcome SysSyncfs(Call& call);

// sys_new_descriptor.cc
Outcome SysEpollCreate(Call& call);
Outcome SysEpollCreate1(Call& call);
Outcome SysInotifyInit(Call& call);
Outcome SysInotifyInit1(Call& call);
Outcome SysEventfd2(Call& call);
Outcome SysSignalfd4(Call& call);

// sys_time.cc
Outcome SysTime(Call& call);
Outcome SysGettimeofday(Call& call);
Outcome SysTimes(Call& call);
Outcome SysGetrlimit(Call& call);
Outcome SysSchedGetPriorityMax(Call& call);
Outcome SysSchedGetPriorityMin(Call& call);

// sys_kernel.cc
Outcome SysSysinfo(Call& call);

// sys_socket.cc
Outcome SysConnect(Call& call);
Outcome SysBind(Call& call);
Outcome SysSendTo(Call& call);
Outcome SysSendmsg(Call& call);
Outcome SysSendmmsg(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_HANDLERS_H_
