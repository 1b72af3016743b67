// Pure text work on what the kernel's procfs says, so that it fits the container.
#ifndef MOAT_SENTRY_PROC_FILTERS_H_
#define MOAT_SENTRY_PROC_FILTERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace moat::sentry {

// /proc/PID/stat: the start time counts from the container's start (`origin`, in clock ticks since
// boot), and the addresses are zero unless `may_trace` (proc(5), the fields marked PT).
std::string FilterStat(absl::string_view stat, uint64_t origin, bool may_trace);

// maps or smaps without the mappings of one file (an encoded st_dev, 0: keeps all; and st_ino),
// which is the loader stub.
std::string FilterMappings(absl::string_view text, uint64_t device, uint64_t inode);

// The processors of /proc/cpuinfo that are among `cpus`.
std::string FilterCpuinfo(absl::string_view text, absl::Span<const int> cpus);

// A line of mountinfo(5) as /proc/PID/mounts has it; empty when it is none.
std::string MountsLine(absl::string_view mountinfo);
// The same as /proc/PID/mountstats has it.
std::string MountstatsLine(absl::string_view mountinfo);
// The mount point of a line of mountinfo(5), empty when it is none.
std::string MountPoint(absl::string_view mountinfo);

// "0-2,5" for {0, 1, 2, 5}, as the kernel prints lists of CPUs.
std::string CpuList(absl::Span<const int> cpus);
// The bits of the same as /sys prints masks: "27".
std::string CpuMask(absl::Span<const int> cpus);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_FILTERS_H_
