#include "base/status.h"

#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace moat {
namespace {

constexpr char kErrnoPayload[] = "moat/errno";

}  // namespace

std::string ErrnoName(int error) {
  if (const char* name = strerrorname_np(error)) return name;
  return absl::StrCat("errno ", error);
}

absl::Status ErrnoStatus(int error, absl::string_view call, absl::string_view object) {
  return WithErrno(
      absl::Status(
          absl::ErrnoToStatusCode(error),
          absl::StrCat(call, object.empty() ? "" : " ", object, ": ", ErrnoName(error), " (",
                       strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error", ")")),
      error);
}

int StatusErrno(const absl::Status& status) {
  int error = 0;
  if (auto payload = status.GetPayload(kErrnoPayload)) {
    if (!absl::SimpleAtoi(std::string(*payload), &error)) return 0;
  }
  return error;
}

absl::Status WithErrno(absl::Status status, int error) {
  if (error != 0) status.SetPayload(kErrnoPayload, absl::Cord(absl::StrCat(error)));
  return status;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace moat
