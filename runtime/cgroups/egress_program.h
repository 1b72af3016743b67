// The egress rules of a policy, as BPF programs on the workload's cgroup v2 group: the kernel asks
// them with its own copy of the address, so no thread of the workload can change it in between
// (BPF_PROG_TYPE_CGROUP_SOCK_ADDR, docs/adr/009-egress.md).
//
// They bind sockets that are made in the group, whatever the network namespace: connect(2), the
// address of sendto, sendmsg and sendmmsg, and TCP's MSG_FASTOPEN. 0.0.0.0 counts as 127.0.0.1,
// as the kernel takes it; "::" is always refused. Sockets for ICMP are made only when a rule allows
// icmp.
//
// Rules by name hold for the addresses in a map that moat-resolver fills
// (policies/container/egress_names.h); questions to it pass before any rule is asked.
#ifndef MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_
#define MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/policy.h"

namespace moat::cgroups {

// What the programs know of moat-resolver.
struct Names {
  int map = -1;  // of policies::OpenedKey to its end; borrowed
  // Where it takes questions, an IPv4 address and a port, for datagrams and TCP.
  policies::EndPoint resolver;
};

// For the IPv4 hooks (connect4, sendmsg4) and the IPv6 ones, which see mapped IPv4 addresses, too.
// Pure. `names` null: rules by name cover nothing.
std::vector<bpf_insn> CompileEgress4(const policies::Egress& egress, const Names* names);
std::vector<bpf_insn> CompileEgress6(const policies::Egress& egress, const Names* names);
// For the making of sockets.
std::vector<bpf_insn> CompileSocketRule(const policies::Egress& egress);

// Which addresses and ports may be bound: for bind4 and bind6, as rules by address.
std::vector<bpf_insn> CompileListen4(const policies::Egress& listen);
std::vector<bpf_insn> CompileListen6(const policies::Egress& listen);

// Whether the rules can be kept; else an error that names the rule.
absl::Status CheckEgress(const policies::Egress& egress);

// The map of Names.
absl::StatusOr<Fd> MakeNameMap();

// Loads and attaches all of them. An error: nothing may run in the group.
absl::Status AttachEgress(const policies::Egress& egress, const Names* names,
                          const std::string& directory);
absl::Status AttachListen(const policies::Egress& listen, const std::string& directory);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_
