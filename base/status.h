// absl::Status for faults of set-up and of the host: always with the call's name, the object and
// the exact errno
// ("openat2 /x: ENOENT (No such file or directory)").
#ifndef MOAT_BASE_STATUS_H_
#define MOAT_BASE_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat {

// "ENOENT" for 2; "errno 9999" for a number that Linux does not name.
std::string ErrnoName(int error);

// Status for a failed system call `call` on `object`. Keeps `error` retrievable through
// StatusErrno.
absl::Status ErrnoStatus(int error, absl::string_view call, absl::string_view object);

// The errno that ErrnoStatus put in, or 0. Only for choosing words and exit codes, never for an
// answer to the workload.
int StatusErrno(const absl::Status& status);

// `status` (not OK) with `error` as its StatusErrno; 0 leaves it as it is. For statuses that
// crossed a process border.
absl::Status WithErrno(absl::Status status, int error);

// `status` with "context: " before its message, errno kept.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace moat

#define MOAT_STATUS_CONCAT_INNER_(a, b) a##b
#define MOAT_STATUS_CONCAT_(a, b) MOAT_STATUS_CONCAT_INNER_(a, b)

#define RETURN_IF_ERROR(expression)                                   \
  do {                                                                \
    if (absl::Status moat_status = (expression); !moat_status.ok()) { \
      return moat_status;                                             \
    }                                                                 \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expression) \
  ASSIGN_OR_RETURN_IMPL_(MOAT_STATUS_CONCAT_(moat_status_or_, __LINE__), lhs, expression)
#define ASSIGN_OR_RETURN_IMPL_(result, lhs, expression) \
  auto result = (expression);                           \
  if (!result.ok()) return result.status();             \
  lhs = std::move(result).value()

#endif  // MOAT_BASE_STATUS_H_
