// Lists of CPUs as the kernel writes them: "0-3,7" (cpuset(7), "List format").
#ifndef MOAT_BASE_CPU_LIST_H_
#define MOAT_BASE_CPU_LIST_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace moat {

// The CPUs of the list, in its order; malformed parts are left out.
std::vector<int> ParseCpuList(absl::string_view list);

}  // namespace moat

#endif  // MOAT_BASE_CPU_LIST_H_
