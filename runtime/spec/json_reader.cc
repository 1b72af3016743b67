#include "runtime/spec/json_reader.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moat::spec {
namespace {

using Type = nlohmann::json::value_t;

absl::string_view TypeName(const nlohmann::json& value) {
  switch (value.type()) {
    case Type::null:
      return "null";
    case Type::object:
      return "an object";
    case Type::array:
      return "an array";
    case Type::string:
      return "a string";
    case Type::boolean:
      return "a boolean";
    case Type::number_integer:
    case Type::number_unsigned:
      return "an integer";
    case Type::number_float:
      return "a number with a fraction, an exponent or too many digits";
    default:
      return "something else";
  }
}

}  // namespace

void JsonReader::Letter(absl::string_view key, absl::string_view allowed, char& out) const {
  std::string text(1, out);
  Member(key, text);
  if (text.size() == 1 && absl::StrContains(allowed, text)) {
    out = text[0];
  } else {
    MemberFault(key, absl::StrCat("\"", text, "\" is not one of the letters ", allowed));
  }
}

void JsonReader::Fault(absl::string_view problem) const {
  if (!fault_.ok()) return;
  fault_ = absl::InvalidArgumentError(
      absl::StrCat(path_.empty() ? "the document" : path_.c_str(), ": ", problem));
}

void JsonReader::MemberFault(absl::string_view key, absl::string_view problem) const {
  Child(value_, key).Fault(problem);
}

void JsonReader::ExpectFault(absl::string_view wanted) const {
  Fault(absl::StrCat("expected ", wanted, ", got ", TypeName(value_)));
}

bool JsonReader::ExpectObject() const {
  if (value_.is_object()) return true;
  ExpectFault("an object");
  return false;
}

bool JsonReader::ExpectArray() const {
  if (value_.is_array()) return true;
  ExpectFault("an array");
  return false;
}

JsonReader JsonReader::Child(const nlohmann::json& member, absl::string_view key) const {
  return JsonReader(member, path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key),
                    fault_);
}

JsonReader JsonReader::Element(size_t index) const {
  return JsonReader(value_[index], absl::StrCat(path_, "[", index, "]"), fault_);
}

const nlohmann::json* JsonReader::Find(absl::string_view key) const {
  if (!ExpectObject()) return nullptr;
  const auto member = value_.find(std::string(key));
  return member == value_.end() || member->is_null() ? nullptr : &*member;
}

std::optional<int64_t> JsonReader::SignedInteger(int64_t minimum, int64_t maximum) const {
  if (!value_.is_number_integer()) {
    ExpectFault("an integer");
    return std::nullopt;
  }
  const bool too_large =
      value_.is_number_unsigned() && value_.get<uint64_t>() > static_cast<uint64_t>(maximum);
  if (too_large || value_.get<int64_t>() < minimum || value_.get<int64_t>() > maximum) {
    Fault(absl::StrCat(value_.dump(), " is out of range (", minimum, " to ", maximum, ")"));
    return std::nullopt;
  }
  return value_.get<int64_t>();
}

std::optional<uint64_t> JsonReader::UnsignedInteger(uint64_t maximum) const {
  if (!value_.is_number_integer()) {
    ExpectFault("an integer");
    return std::nullopt;
  }
  if (!value_.is_number_unsigned() || value_.get<uint64_t>() > maximum) {
    Fault(absl::StrCat(value_.dump(), " is out of range (0 to ", maximum, ")"));
    return std::nullopt;
  }
  return value_.get<uint64_t>();
}

void Read(const JsonReader& at, std::string& out) {
  if (!at.value().is_string()) return at.ExpectFault("a string");
  out = at.value().get<std::string>();
  // Every string ends in a C call or a file: what stands behind a NUL would silently be lost there.
  if (out.find('\0') != std::string::npos) at.Fault("holds a NUL character");
}

void Read(const JsonReader& at, bool& out) {
  if (!at.value().is_boolean()) return at.ExpectFault("a boolean");
  out = at.value().get<bool>();
}

}  // namespace moat::spec
