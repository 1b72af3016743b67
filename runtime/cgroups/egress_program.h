// The egress rules of a policy, as BPF programs on the workload's cgroup v2 group: the kernel asks
// them with its own copy of the address, so no thread of the workload can change it in between
// (BPF_PROG_TYPE_CGROUP_SOCK_ADDR, docs/adr/009-egress.md).
//
// They bind sockets that are made in the group, whatever the network namespace: connect(2), the
// address of sendto, sendmsg and sendmmsg, and TCP's MSG_FASTOPEN. 0.0.0.0 counts as 127.0.0.1,
// as the kernel takes it; "::" is always refused. Sockets for ICMP are made only when a rule allows
// icmp.
#ifndef MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_
#define MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "policies/container/policy.h"

namespace moat::cgroups {

// For the IPv4 hooks (connect4, sendmsg4) and the IPv6 ones, which see mapped IPv4 addresses, too.
// Pure.
std::vector<bpf_insn> CompileEgress4(const policies::Egress& egress);
std::vector<bpf_insn> CompileEgress6(const policies::Egress& egress);
// For the making of sockets.
std::vector<bpf_insn> CompileSocketRule(const policies::Egress& egress);

// Whether the rules can be kept; else an error that names the rule.
absl::Status CheckEgress(const policies::Egress& egress);

// Loads and attaches all of them. An error: nothing may run in the group.
absl::Status AttachEgress(const policies::Egress& egress, const std::string& directory);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_EGRESS_PROGRAM_H_
