// Device rules of a cgroup v2 group: a BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (Linux 4.15,
// Documentation/admin-guide/cgroup-v2.rst, "Device controller").
#ifndef MOAT_RUNTIME_CGROUPS_DEVICE_PROGRAM_H_
#define MOAT_RUNTIME_CGROUPS_DEVICE_PROGRAM_H_

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/spec/spec.h"

namespace moat::cgroups {

// Answers as the v1 controller does with the same writes after "deny a": of the rules that name a
// device the last one counts, for each kind of access by itself. Pure.
std::vector<bpf_insn> CompileDeviceRules(const std::vector<spec::DeviceRule>& rules);

// Needs CAP_BPF or CAP_SYS_ADMIN: EPERM without.
absl::StatusOr<Fd> LoadDeviceProgram(const std::vector<bpf_insn>& program);

// On the group and everything below, beside programs that are there already; it goes with the
// group.
absl::Status AttachDeviceProgram(const Fd& program, const std::string& directory);

}  // namespace moat::cgroups

#endif  // MOAT_RUNTIME_CGROUPS_DEVICE_PROGRAM_H_
