#include "policies/container/fields.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "policies/container/constants.h"

namespace moat::policies {

absl::Status Expect(const JsonValue& value, JsonValue::Kind kind, absl::string_view what) {
  if (value.kind == kind) return absl::OkStatus();
  return FaultAt(value.at,
                 absl::StrCat(what, ": expected ", KindName(kind), ", got ", KindName(value.kind)));
}

absl::Status CheckKeys(const JsonValue& object, std::initializer_list<absl::string_view> known) {
  RETURN_IF_ERROR(Expect(object, JsonValue::Kind::kObject, "here"));
  for (const JsonMember& member : object.members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    return FaultAt(member.at, absl::StrCat("unknown key \"", member.key,
                                           "\"; known here: ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StringField(const JsonValue& object, absl::string_view key,
                                        Presence presence) {
  const JsonValue* value = object.Find(key);
  if (value == nullptr) {
    if (presence == Presence::kOptional) return std::string();
    return FaultAt(object.at, absl::StrCat("\"", key, "\" is missing"));
  }
  RETURN_IF_ERROR(Expect(*value, JsonValue::Kind::kString, absl::StrCat("\"", key, "\"")));
  if (value->text.empty()) return FaultAt(value->at, absl::StrCat("\"", key, "\" is empty"));
  return value->text;
}

absl::StatusOr<bool> BooleanField(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = object.Find(key);
  if (value == nullptr) return false;
  RETURN_IF_ERROR(Expect(*value, JsonValue::Kind::kBoolean, absl::StrCat("\"", key, "\"")));
  return value->boolean;
}

absl::StatusOr<std::vector<JsonValue>> ListField(const JsonValue& object, absl::string_view key) {
  const JsonValue* value = object.Find(key);
  if (value == nullptr) return FaultAt(object.at, absl::StrCat("\"", key, "\" is missing"));
  RETURN_IF_ERROR(Expect(*value, JsonValue::Kind::kArray, absl::StrCat("\"", key, "\"")));
  if (value->items.empty()) return FaultAt(value->at, absl::StrCat("\"", key, "\" is empty"));
  return value->items;
}

absl::StatusOr<uint64_t> NumberOrName(const JsonValue& value) {
  if (const auto number = value.AsUnsigned()) return *number;
  if (value.kind != JsonValue::Kind::kString) {
    return FaultAt(value.at, "expected a number from 0 on, \"0x...\" or the name of a constant");
  }
  uint64_t number = 0;
  if (absl::StartsWith(value.text, "0x") && absl::SimpleHexAtoi(value.text, &number)) return number;
  if (const auto known = PolicyConstant(value.text)) return *known;
  return FaultAt(value.at, absl::StrCat("\"", value.text,
                                        "\" is no constant that moat knows; write its number"));
}

absl::StatusOr<int64_t> Size(const JsonValue& value) {
  uint64_t number = 0;
  uint64_t factor = 1;
  bool fits = false;
  if (const auto plain = value.AsUnsigned()) {
    number = *plain;
    fits = true;
  } else if (value.kind == JsonValue::Kind::kString && !value.text.empty()) {
    constexpr absl::string_view kUnits = "KMGT";
    absl::string_view digits = value.text;
    if (const size_t unit = kUnits.find(digits.back()); unit != kUnits.npos) {
      factor = uint64_t{1} << (10 * (unit + 1));
      digits.remove_suffix(1);
    }
    fits = absl::SimpleAtoi(digits, &number);
  }
  if (!fits || number == 0 || number > (uint64_t{1} << 62) / factor) {
    return FaultAt(value.at, "expected a number of bytes, as 1048576 or \"512M\"");
  }
  return static_cast<int64_t>(number * factor);
}

absl::StatusOr<std::string> AbsolutePath(const JsonValue& value) {
  RETURN_IF_ERROR(Expect(value, JsonValue::Kind::kString, "a path"));
  const std::string& path = value.text;
  if (!absl::StartsWith(path, "/") || path == "/" || absl::EndsWith(path, "/")) {
    return FaultAt(value.at, "expected an absolute path below \"/\", without a slash at its end");
  }
  for (absl::string_view part : absl::StrSplit(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") {
      return FaultAt(value.at, "a path has no empty parts, no \".\" and no \"..\"");
    }
  }
  if (path == "/proc" || path == "/sys" || absl::StartsWith(path, "/proc/") ||
      absl::StartsWith(path, "/sys/")) {
    return FaultAt(value.at,
                   "/proc and /sys are the sentry's: use linux.maskedPaths and readonlyPaths");
  }
  return path;
}

}  // namespace moat::policies
