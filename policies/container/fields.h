// Reading the members of a policy's objects. Every error carries line and column.
#ifndef MOAT_POLICIES_CONTAINER_FIELDS_H_
#define MOAT_POLICIES_CONTAINER_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policies/container/json_text.h"

namespace moat::policies {

// An object with no other keys than `known`.
absl::Status CheckKeys(const JsonValue& object, std::initializer_list<absl::string_view> known);
absl::Status Expect(const JsonValue& value, JsonValue::Kind kind, absl::string_view what);

// "" when the key is missing; a fault when it must not be.
enum class Presence { kOptional, kRequired };
absl::StatusOr<std::string> StringField(const JsonValue& object, absl::string_view key,
                                        Presence presence);
absl::StatusOr<bool> BooleanField(const JsonValue& object, absl::string_view key);  // false
// The items of a list that is not empty.
absl::StatusOr<std::vector<JsonValue>> ListField(const JsonValue& object, absl::string_view key);

// A number, "0x5412", or the name of a constant (constants.h).
absl::StatusOr<uint64_t> NumberOrName(const JsonValue& value);
// Bytes: a number, or "512M", "2G".
absl::StatusOr<int64_t> Size(const JsonValue& value);
// An absolute path without "." and "..", without a slash at its end.
absl::StatusOr<std::string> AbsolutePath(const JsonValue& value);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_FIELDS_H_
