// moat-systemd: asks systemd for a scope unit (systemd.scope(5)) around a container's control
// groups. A program of its own, because libsystemd cannot be linked into moat, which is static.
//
//   moat-systemd start system|user UNIT SLICE PID [PROPERTY=NUMBER ...]
//   moat-systemd set   system|user UNIT [PROPERTY=NUMBER ...]
//
// Ends with 0 when systemd has done it, else with 1 and one line on standard error.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "runtime/systemd/bus.h"

namespace moat::systemd {
namespace {

absl::Status Usage() {
  return absl::InvalidArgumentError("a part of moat, not to be called by hand");
}

absl::StatusOr<std::vector<Property>> ParseProperties(const std::vector<std::string>& words,
                                                      size_t first) {
  std::vector<Property> properties;
  for (size_t i = first; i < words.size(); ++i) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(words[i], '=');
    uint64_t value;
    if (!absl::SimpleAtoi(parts.second, &value)) return Usage();
    properties.push_back({parts.first, value});
  }
  return properties;
}

absl::Status Run(const std::vector<std::string>& words) {
  if (words.size() < 3) return Usage();
  ASSIGN_OR_RETURN(Bus bus, words[1] == "user" ? Bus::OfUser() : Bus::OfMachine());
  if (words[0] == "set") {
    ASSIGN_OR_RETURN(const auto properties, ParseProperties(words, 3));
    return bus.SetProperties(words[2], properties);
  }
  uint32_t pid;
  if (words[0] != "start" || words.size() < 5 || !absl::SimpleAtoi(words[4], &pid)) return Usage();
  ASSIGN_OR_RETURN(const auto properties, ParseProperties(words, 5));
  return bus.StartScope(words[2], words[3], pid, properties);
}

}  // namespace
}  // namespace moat::systemd

int main(int argc, char** argv) {
  const absl::Status status = moat::systemd::Run({argv + (argc > 0), argv + argc});
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}
