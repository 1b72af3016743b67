#include "runtime/state/container_id.h"

#include <sys/random.h>

#include <climits>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace moat::state {
namespace {

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '+' || c == '.' ||
         c == '-';
}

}  // namespace

absl::Status CheckId(absl::string_view id) {
  if (id.empty()) return absl::InvalidArgumentError("the container id is empty");
  if (id.size() > NAME_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("the container id has ", id.size(),
                                                   " characters; at most ", NAME_MAX,
                                                   " can be the name of a directory"));
  }
  for (const char c : id) {
    if (IsIdCharacter(c)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("container id \"", absl::CHexEscape(id),
                     "\": only letters, digits and the characters _ + . - are allowed"));
  }
  if (id == "." || id == "..") {
    return absl::InvalidArgumentError(absl::StrCat("\"", id, "\" cannot be a container id"));
  }
  return absl::OkStatus();
}

std::string RandomId(absl::string_view prefix) {
  uint32_t number = 0;
  // Cannot fail for so few bytes once the kernel's pool is ready (getrandom(2)); were it to, the
  // creation of the directory finds a duplicate.
  [[maybe_unused]] const ssize_t got = ::getrandom(&number, sizeof(number), 0);
  return absl::StrCat(prefix, "-", absl::Hex(number, absl::kZeroPad8));
}

}  // namespace moat::state
