#include "runtime/launch/own_arguments_unsafe.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::launch {
namespace {

// Fields of /proc/PID/stat, counted from the one behind the name (proc_pid_stat(5)).
constexpr size_t kArgStart = 45, kArgEnd = 46, kEnvStart = 47, kEnvEnd = 48;

}  // namespace

absl::Status EraseArguments() {
  constexpr size_t kMaxStat = 4096;
  ASSIGN_OR_RETURN(const std::string stat, ReadFile("/proc/self/stat", kMaxStat));
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return absl::InternalError("/proc/self/stat has no name");
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(stat).substr(name_end + 2), ' ');
  for (const auto& [first, last] : {std::pair(kArgStart, kArgEnd), std::pair(kEnvStart, kEnvEnd)}) {
    uint64_t begin = 0, end = 0;
    if (fields.size() <= last || !absl::SimpleAtoi(fields[first], &begin) ||
        !absl::SimpleAtoi(fields[last], &end) || begin == 0 || end < begin) {
      return absl::InternalError("/proc/self/stat does not say where the arguments are");
    }
    std::memset(reinterpret_cast<void*>(begin), 0, end - begin);
  }
  static char* nothing[] = {nullptr};
  ::environ = nothing;
  return absl::OkStatus();
}

}  // namespace moat::launch
