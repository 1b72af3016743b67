// A process that joins a running container (`moat exec`), up to its first program, and the process
// that makes it.
//
//   J  forked by moat, in moat's pid namespace: takes the descriptors, erases what it has of moat's
//      command line, enters the namespaces of the container's init, makes X beside itself and ends.
//   X  born in the container's namespaces and control group: installs the filter, takes on the
//      identity, and executes the stub (platform/loader), the only file in its root.
//
// Processes of the container see X from its birth on. It has no descriptor and no directory of the
// host, and neither they nor the sentry can look into it: it is not dumpable and its memory still
// belongs to moat's user namespace (ptrace(2), "Ptrace access mode checking"). By executing the
// stub it gets new memory, in which nothing is but the arguments and the environment of its
// program, and an executable file of the container's own.
//
//   J -> moat   {"type":"born"}       fds: pidfd
//   moat -> X   {"type":"filter"}     X installs the filter
//   X -> moat   {"type":"filtered","listener":n}   n is the descriptor's number in X
//   moat -> X   {"type":"joined"}     the sentry answers; X then executes the stub, which closes
//                                     the socket
// Either says {"type":"error","errno","message","command"} instead and exits.
#ifndef MOAT_RUNTIME_LAUNCH_JOINING_PROCESS_H_
#define MOAT_RUNTIME_LAUNCH_JOINING_PROCESS_H_

#include <array>
#include <string>
#include <vector>

#include "runtime/attributes/process_attributes.h"
#include "runtime/cgroups/entrance.h"
#include "runtime/launch/filter.h"
#include "runtime/launch/identity.h"
#include "runtime/spec/spec.h"

namespace moat::launch {

// All borrowed; the child has its own copies.
struct JoinConfig {
  const spec::Process& process;
  const std::vector<std::string>& environment;
  const CapabilityMasks& capabilities;
  const attributes::ProcessAttributes& attributes;
  const Filter& filter;
  const cgroups::Entrance& groups;  // that the process is to live in
  std::array<int, 3> stdio;
  int preserve_fds;
  int terminal;      // the slave, -1: none
  int init_pidfd;    // whose namespaces to join,
  int namespaces;    // and which: CLONE_NEW*
  int setup_socket;  // to moat
};

// The body of J: enters the container's control groups and waits for a byte on `go`.
[[noreturn]] void RunJoiner(const JoinConfig& config, int go);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_JOINING_PROCESS_H_
