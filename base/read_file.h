// Bounded reading of whole small files.
#ifndef MOAT_BASE_READ_FILE_H_
#define MOAT_BASE_READ_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/result.h"

namespace moat {

// The rest of `fd` from its offset. EFBIG when it is longer than `limit` bytes.
Result<std::string> ReadAll(int fd, size_t limit);
// openat(dir, path) + ReadAll. `dir` may be AT_FDCWD.
Result<std::string> ReadFileAt(int dir, const std::string& path, size_t limit);
// The same as a Status that names the file.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit);

// Writes all of `data` to an existing file with one write(2), as cgroup and proc files want it.
absl::Status WriteFile(const std::string& path, absl::string_view data);
absl::Status WriteFileAt(int dir, const std::string& path, absl::string_view data);

}  // namespace moat

#endif  // MOAT_BASE_READ_FILE_H_
