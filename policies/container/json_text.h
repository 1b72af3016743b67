// JSON whose values remember where they stand, so that an error can say line and column. Strict:
// RFC 8259 without duplicate keys, at most 32 levels deep. Pure.
#ifndef MOAT_POLICIES_CONTAINER_JSON_TEXT_H_
#define MOAT_POLICIES_CONTAINER_JSON_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::policies {

// Both from 1; columns count bytes.
struct Position {
  int line = 1;
  int column = 1;
};

struct JsonMember;

struct JsonValue {
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  Position at;
  bool boolean = false;
  std::string text;  // kString: decoded; kNumber: as written
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;

  const JsonValue* Find(absl::string_view key) const;
  // kNumber without a fraction or exponent, not negative.
  std::optional<uint64_t> AsUnsigned() const;
};

struct JsonMember {
  std::string key;
  Position at;  // of the key
  JsonValue value;
};

// "an object", "a string", ...
absl::string_view KindName(JsonValue::Kind kind);

// InvalidArgument "LINE:COLUMN: problem".
absl::Status FaultAt(Position at, absl::string_view problem);

absl::StatusOr<JsonValue> ParseJson(absl::string_view text);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_JSON_TEXT_H_
