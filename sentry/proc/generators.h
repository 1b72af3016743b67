// The generators that the table's lines name. See Generator in node.h: each gives a file's contents
// or a link's text.
#ifndef MOAT_SENTRY_PROC_GENERATORS_H_
#define MOAT_SENTRY_PROC_GENERATORS_H_

#include <sys/sysinfo.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/result.h"
#include "sentry/proc/node.h"

namespace moat::sentry {

// The line's text with a newline; the text as it is, for links.
Result<std::string> ConstantLine(const NodeContext& context);
Result<std::string> ConstantText(const NodeContext& context);
// What P_B's procfs says under the same path: facts of the process itself, or of the kernel's
// build.
Result<std::string> FromKernel(const NodeContext& context);

// Processes (generate_process.cc).
Result<std::string> ProcessStat(const NodeContext& context);
Result<std::string> ProcessStatus(const NodeContext& context);
Result<std::string> ProcessMappings(const NodeContext& context);  // maps, smaps
Result<std::string> ProcessEnvironment(const NodeContext& context);
Result<std::string> ProcessAuxiliaryVector(const NodeContext& context);
Result<std::string> ProcessWaitChannel(const NodeContext& context);
Result<std::string> ProcessMounts(const NodeContext& context);
Result<std::string> ProcessMountinfo(const NodeContext& context);
Result<std::string> ProcessMountstats(const NodeContext& context);
Result<std::string> SelfLink(const NodeContext& context);
Result<std::string> ThreadSelfLink(const NodeContext& context);

// The system (generate_system.cc).
Result<std::string> SystemCpuinfo(const NodeContext& context);
struct sysinfo SystemInfoOf(const ContainerFacts& facts);
Result<std::string> SystemLoadavg(const NodeContext& context);
Result<std::string> SystemMeminfo(const NodeContext& context);
Result<std::string> SystemStat(const NodeContext& context);
Result<std::string> SystemUptime(const NodeContext& context);
Result<std::string> SystemVersion(const NodeContext& context);
Result<std::string> SystemVmstat(const NodeContext& context);

// /proc/sys (generate_system.cc). SysctlValue: the configuration's, else the line's text, else the
// kernel's own; below net that is what the sentry's own network says (sentry/own_network.h).
Result<std::string> SysctlValue(const NodeContext& context);
// The same below the directory of an interface; those that the sentry's own network does not have
// show what a new one gets ("default").
Result<std::string> InterfaceSysctl(const NodeContext& context);
Result<std::string> SysctlBootId(const NodeContext& context);
Result<std::string> SysctlHostname(const NodeContext& context);
Result<std::string> SysctlUname(const NodeContext& context);  // the text names the field
Result<std::string> SysctlUuid(const NodeContext& context);

// /sys (generate_sysfs.cc).
Result<std::string> CpusAllowed(const NodeContext& context);  // a list
Result<std::string> CpusPossible(
    const NodeContext& context);  // the list from 0 to the last allowed
Result<std::string> CpusVisible(const NodeContext& context);
Result<std::string> CpusVisibleMask(const NodeContext& context);
Result<std::string> CpuOnly(const NodeContext& context);  // the list of this one
Result<std::string> CpuOnlyMask(const NodeContext& context);
Result<std::string> CpuinfoField(const NodeContext& context);  // the text names it
Result<std::string> NodeMeminfo(const NodeContext& context);
Result<std::string> InterfaceIndex(const NodeContext& context);
Result<std::string> InterfaceType(const NodeContext& context);
// The node's text for lo. ENOENT for others: procfs does not tell, and the sentry has no network.
Result<std::string> OnlyOfLoopback(const NodeContext& context);
Result<std::string> InterfaceCounter(const NodeContext& context);  // the text is its column
Result<std::string> CgroupCpuMax(const NodeContext& context);
Result<std::string> CgroupCpuStat(const NodeContext& context);
Result<std::string> CgroupMemoryCurrent(const NodeContext& context);
Result<std::string> CgroupMemoryMax(const NodeContext& context);
Result<std::string> CgroupMemoryStat(const NodeContext& context);
Result<std::string> CgroupPidsCurrent(const NodeContext& context);
Result<std::string> CgroupPidsMax(const NodeContext& context);
Result<std::string> CgroupProcesses(const NodeContext& context);
Result<std::string> CgroupThreads(const NodeContext& context);

// The names of a dynamic component ("<pid>", ...) below `context.path`. ENOENT when the process is
// gone.
Result<std::vector<std::string>> DynamicNames(absl::string_view component,
                                              const NodeContext& context);
// Whether one name is among them; cheaper than the list for <pid> and <tid>, and there it also
// knows what procfs does not list: threads as /proc/TID.
bool DynamicNameExists(absl::string_view component, const NodeContext& context,
                       absl::string_view name);

// The mount table of the container, lines of mountinfo(5) with newlines: the configured ones and
// those of /proc, /sys and /sys/fs/cgroup when they are missing.
std::vector<std::string> MountTable(const ContainerFacts& facts);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_GENERATORS_H_
