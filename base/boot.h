// How runtime/launch starts moat-sentry, moat-gofer and moat-resolver, and what they say to each
// other. All sides include this file.
//
// Everything is SOCK_SEQPACKET; each message is one JSON object ("type" first) with descriptors as
// SCM_RIGHTS. A message with descriptors has the field "fds": their names, in order. A name that
// may be absent is marked with "?". Unknown names are closed and ignored.
//
// moat-sentry: executed as `moat-sentry` with descriptor 3 = socket to moat (control), 0 to 2 =
// /dev/null, everything else closed. It is already pid 1 of P_A in user namespace A with uid and
// gid 0 and all capabilities of A, in a private copy of the caller's mount tree, with new net, ipc
// and uts namespaces.
//   moat -> sentry    {"type":"boot","id":..,"trace":bool,"audit_all":bool,"filters":n,
//                      "cookie":"16 hex digits",
//                      "tree":{"hostname","cpus","memory_limit","pids_limit","cpu_set","mounts",
//                              "masked_paths","readonly_paths","sysctls":{path:value}}}
//                     fds: gofer, resolver?, log, init, trace?, audit?, policy, listen, loader,
//                          cgroup_memory?, cgroup_cpu?, cgroup_cpu_limit?, cgroup_cpuset?,
//                          cgroup_pids?, tie?, proc_a?
//   sentry -> moat    {"type":"ready"} once its root is built and its capabilities are gone, or
//                     {"type":"error","message":..}
// `filters` is how many seccomp filters a task of the container begins with, or 0 when one of them
// may refuse what a doorbell answers (docs/adr/015-doorbell.md). `gofer` is the socket to the
// gofer's service, `resolver` hangs up when the resolver ends, `log`
// and `trace` are written in whole lines, `policy` is a file with the container's policy
// (policies/container/parse_policy.h, SavedPolicy), `audit` takes the lines of
// sentry/audit/audit.h, `loader` is moat-loader opened for reading, `listen` is the listening
// control.sock. A boot message fits in kMaxBootMessage. `tie` and `proc_a` come together, when P_A
// and P_B are another container's (docs/adr/011-shared-pids.md): the sentry is not pid 1 then,
// `proc_a` is procfs of P_A as a detached mount, and over `tie` it says {"type":"done"} to the
// other sentry once its last task is gone.
//
// Init socket `init` (between the container's init C2 and the sentry):
//   -> sentry         {"type":"attach"}    fds: listener, stub (a detached tmpfs mount,
//   read-write),
//                     proc_b (procfs of P_B, detached), pid_namespace_b (/proc/self/ns/pid of C2),
//                     init_pidfd. Sent by moat in C2's name: C2 may no longer call sendmsg then.
//   sentry -> C2      {"type":"attached"}  from now on notified calls are answered
//   C2 -> sentry      {"type":"created"}   ids, capabilities and cwd are set; waits for start
//   sentry -> C2      {"type":"start"}     C2 then calls execve; its end of the socket is
//                     close-on-exec, so end of file after start means that it worked
//   C2 -> sentry      {"type":"failed","errno":n,"message":..}  instead of created, or after a
//                     failed execve
// sentry -> moat on the control socket, when init has said so:
//   {"type":"created"} | {"type":"failed","errno":n,"message":..}
// moat -> sentry on the control socket, or on connections accepted from control.sock:
//   {"type":"start"}  -> {"type":"started"} | {"type":"error","errno":n,"message":..}
//   {"type":"state"}  -> {"type":"state","status":"created"|"running"}
//   {"type":"join","cookie":"16 hex digits","cwd":..,"programs":[..]}   fds: listener, process
//                     -> {"type":"joined"} | {"type":"error","errno":n,"message":..}
//                     and after joined, unless the process dies first,
//                     {"type":"executed"} | {"type":"failed","errno":n,"step":"chdir"|"execve"}
//   {"type":"tie"}    fds: tie  -> {"type":"tied"} | {"type":"error",..}: from then on the
//   container
//                     ends when `tie` closes without a "done"
// A joining process (`moat exec`) is in all namespaces of the workload and under a filter with a
// cookie and a listener of its own; `process` is its pidfd. From "joined" on its notified calls are
// answered. Its first program is the stub, which gets `cwd` and `programs` (the names under which
// its program may be found) as a plan (platform/loader/plan.h).
// When the control socket (descriptor 3) closes, the sentry goes on: create exits and the container
// stays. When the gofer, the resolver or all tasks are gone the sentry exits: 0 after the
// workload's end, 1 with a log line after a fault.
//
// moat-gofer: executed as `moat-gofer` with descriptor 3 = boot socket, 0 to 2 = /dev/null, in P_A,
// still with the caller's privileges.
//   moat -> gofer     {"type":"boot","keep_capabilities":n,"stable_mounts":b}
//                     fds: user_namespace (A), mount_namespace (N_c), net_namespace (A's, empty),
//                          service, log
//   gofer -> moat     {"type":"ready"} | {"type":"error","message":..}; then descriptor 3 is closed
//                     and it serves the service socket (gofer/protocol).
// It exits when the service socket closes.
//
// moat-resolver (only with egress rules by name): executed as `moat-resolver` with descriptor 3 =
// boot socket, 0 to 2 = /dev/null, in P_A as a child of the sentry's, still with the caller's
// privileges.
//   moat -> resolver  {"type":"boot","servers":["10.0.0.53:53/udp",..]}
//                     fds: user_namespace (A), questions (a datagram socket in the container's
//                          network), connections (a listening socket of the same address), sentry,
//                          map (policies/container/egress_names.h), policy, log
//   resolver -> moat  {"type":"ready"} | {"type":"error","message":..}; then descriptor 3 is closed
// It exits when `sentry` hangs up.
#ifndef MOAT_BASE_BOOT_H_
#define MOAT_BASE_BOOT_H_

namespace moat {

inline constexpr int kBootFd = 3;
inline constexpr int kMaxBootMessage = 192 * 1024;
inline constexpr int kMaxBootFds = 16;

}  // namespace moat

#endif  // MOAT_BASE_BOOT_H_
