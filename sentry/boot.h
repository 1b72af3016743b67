// How runtime/launch starts moat-sentry and moat-gofer, and what they say to each other. Both sides
// include this file.
//
// Everything is SOCK_SEQPACKET; each message is one JSON object ("type" first) with descriptors as
// SCM_RIGHTS in the order given. Descriptors are named by the message, never by number.
//
// moat-sentry: executed as `moat-sentry` with descriptor 3 = socket to moat (control), everything
// else closed. It is already pid 1 of P_A in user namespace A with all capabilities of A, in a
// private copy of the caller's mount tree, with new net, ipc and uts namespaces.
//   moat -> sentry  {"type":"boot","id":..,"trace":bool,"tree":{...TreeConfig values...}}
//                   fds: gofer socket, log (pipe or file, written in whole lines), init socket,
//                   trace or log again, cgroup dirs...
//   sentry -> moat  {"type":"ready"} once its root is built and its capabilities are gone, or
//   {"type":"error","message":..}
// Init socket (between the container's init C2 and the sentry):
//   C2 -> sentry    {"type":"attach"}            fds: listener, stub mount (detached tmpfs,
//   read-write), procfs of P_B, P_B namespace
//                                                 (/proc/self/ns/pid), pidfd of C2
//   sentry -> C2    {"type":"attached"}          from now on notified calls are answered
//   C2 -> sentry    {"type":"created"}           ids, capabilities and cwd are set; waits for start
//   sentry -> C2    {"type":"start"}             C2 then calls execve; its end of the socket is
//   close-on-exec C2 -> sentry    {"type":"failed","errno":n,"message":..}   instead of created, or
//   after a failed execve
// moat -> sentry on the control socket, or on connections accepted from control.sock (descriptor
// passed in boot as "listen"):
//   {"type":"start"}   -> {"type":"started"} | {"type":"error","errno":n,"message":..}
//   {"type":"state"}   -> {"type":"state","status":"created"|"running"}
// When the control socket (descriptor 3) closes, the sentry goes on: create exits and the container
// stays. When the gofer socket or all tasks are gone the sentry exits: 0 after the workload's end,
// 1 with a log line after a fault.
//
// moat-gofer: executed as `moat-gofer` with descriptor 3 = boot socket, in P_A, still with the
// caller's privileges.
//   moat -> gofer   {"type":"boot","keep_capabilities":n}  fds: user namespace A, mount namespace
//   N_c, net namespace (empty, A's), service socket, log gofer -> moat   {"type":"ready"} |
//   {"type":"error","message":..}; then descriptor 3 is closed and it serves the service socket
//   (gofer/protocol).
// It exits when the service socket closes.
#ifndef MOAT_SENTRY_BOOT_H_
#define MOAT_SENTRY_BOOT_H_

namespace moat::sentry {

inline constexpr int kBootFd = 3;
inline constexpr int kMaxBootMessage = 64 * 1024;
inline constexpr int kMaxBootFds = 16;

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_BOOT_H_
