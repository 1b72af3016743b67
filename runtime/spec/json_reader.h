// Reads JSON into plain values with strict types. Every fault names the field by its path
// ("linux.resources.memory.limit: expected an integer, got a string").
//
// A structure is read by a free function `void Read(const JsonReader& at, T& out)` that asks for
// its members; the fields that it does not ask for are ignored, as the runtime-spec wants
// ("extensibility" in spec.md). The first fault is kept and the rest of the document is still
// walked, so that reading code needs no error handling of its own. null is the same as an absent
// key.
#ifndef MOAT_RUNTIME_SPEC_JSON_READER_H_
#define MOAT_RUNTIME_SPEC_JSON_READER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace moat::spec {

class JsonReader {
 public:
  // `value` and `fault` outlive the reader. `path` is "" for the document itself.
  JsonReader(const nlohmann::json& value, std::string path, absl::Status& fault)
      : value_(value), path_(std::move(path)), fault_(fault) {}

  // Reads member `key` of this object into `out`, which keeps its value when the key is absent.
  template <typename T>
  void Member(absl::string_view key, T& out) const {
    if (const nlohmann::json* member = Find(key)) Read(Child(*member, key), out);
  }
  // The same, and a missing key is a fault.
  template <typename T>
  void Required(absl::string_view key, T& out) const {
    if (const nlohmann::json* member = Find(key)) {
      Read(Child(*member, key), out);
    } else {
      MemberFault(key, "is missing");
    }
  }

  // Reads the one-character string `key`, which has to be one of `allowed`, into `out`; absent,
  // `out` keeps its value.
  void Letter(absl::string_view key, absl::string_view allowed, char& out) const;

  // "path: problem", unless there was a fault before.
  void Fault(absl::string_view problem) const;
  void MemberFault(absl::string_view key, absl::string_view problem) const;

  const nlohmann::json& value() const { return value_; }
  // False, with a fault, when the value is something else.
  bool ExpectObject() const;
  bool ExpectArray() const;

  JsonReader Child(const nlohmann::json& member, absl::string_view key) const;
  JsonReader Element(size_t index) const;

  std::optional<int64_t> SignedInteger(int64_t minimum, int64_t maximum) const;
  std::optional<uint64_t> UnsignedInteger(uint64_t maximum) const;

 private:
  const nlohmann::json* Find(absl::string_view key) const;
  void ExpectFault(absl::string_view wanted) const;

  const nlohmann::json& value_;
  std::string path_;
  absl::Status& fault_;

  friend void Read(const JsonReader& at, std::string& out);
  friend void Read(const JsonReader& at, bool& out);
};

void Read(const JsonReader& at, std::string& out);
void Read(const JsonReader& at, bool& out);

template <typename T, typename = std::enable_if_t<std::is_integral_v<T>>>
void Read(const JsonReader& at, T& out) {
  if constexpr (std::is_signed_v<T>) {
    const auto number =
        at.SignedInteger(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    if (number) out = static_cast<T>(*number);
  } else {
    const auto number = at.UnsignedInteger(std::numeric_limits<T>::max());
    if (number) out = static_cast<T>(*number);
  }
}

template <typename T>
void Read(const JsonReader& at, std::optional<T>& out) {
  Read(at, out.emplace());
}

template <typename T>
void Read(const JsonReader& at, std::vector<T>& out) {
  if (!at.ExpectArray()) return;
  out.clear();
  out.reserve(at.value().size());
  for (size_t i = 0; i < at.value().size(); ++i) Read(at.Element(i), out.emplace_back());
}

template <typename T>
void Read(const JsonReader& at, std::map<std::string, T>& out) {
  if (!at.ExpectObject()) return;
  out.clear();
  for (const auto& [key, member] : at.value().items()) Read(at.Child(member, key), out[key]);
}

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_JSON_READER_H_
