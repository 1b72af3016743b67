#include "sentry/trace/trace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "sentry/audit/refuse.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {
namespace {

constexpr size_t kMaxShown = 200;  // bytes of a string

std::string Quote(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxShown)), "\"",
                      text.size() > kMaxShown ? "..." : "");
}

std::string Hex(uint64_t value) { return absl::StrCat("0x", absl::Hex(value)); }

std::string StringArgument(const Call& call, uint64_t address) {
  for (const auto& [from, text] : call.strings_read()) {
    if (from == address) return Quote(text);
  }
  return address == 0 ? "NULL" : Hex(address);
}

std::string DirectoryArgument(uint64_t value) {
  const int fd = static_cast<int>(value);
  return fd == AT_FDCWD ? "AT_FDCWD" : absl::StrCat(fd);
}

std::string Argument(const Call& call, ArgKind kind, uint64_t value) {
  switch (kind) {
    case ArgKind::kFd:
    case ArgKind::kInt:
      return absl::StrCat(static_cast<int>(value));
    case ArgKind::kDirFd:
      return DirectoryArgument(value);
    case ArgKind::kPath:
    case ArgKind::kString:
      return StringArgument(call, value);
    case ArgKind::kMode:
      return absl::StrFormat("0%o", value & 07777);
    case ArgKind::kSize:
      return absl::StrCat(value);
    default:
      return value == 0 ? "0" : Hex(value);
  }
}

struct OutcomeText {
  std::string operator()(const Value& value) const { return absl::StrCat(value.value); }
  std::string operator()(const Errno& error) const {
    return absl::StrCat("-1 ", ErrnoName(error.value()));
  }
  std::string operator()(const GiveFd&) const { return "descriptor"; }
  std::string operator()(const ContinueNative&) const { return "native"; }
  std::string operator()(const Restart&) const { return "restart"; }
  std::string operator()(const Finished&) const { return "done in task"; }
};

}  // namespace

std::string TraceLine(pid_t task, const Call& call, const Entry& entry, const Outcome& outcome,
                      absl::Duration took, absl::string_view why) {
  std::vector<std::string> arguments;
  if (!why.empty()) arguments = RawArguments(call);
  for (size_t i = 0; why.empty() && i < entry.args.size() && entry.args[i] != ArgKind::kNone; ++i) {
    arguments.push_back(Argument(call, entry.args[i], call.Arg(static_cast<int>(i))));
  }
  return absl::StrCat(task, " ", entry.name, "(", absl::StrJoin(arguments, ", "),
                      ") = ", std::visit(OutcomeText(), outcome), why, " <",
                      absl::ToInt64Microseconds(took), " us>");
}

void Tracer::Record(Call& call, const Entry& entry, const Outcome& outcome, absl::Duration took,
                    absl::string_view why) {
  auto task = call.Task();
  const std::string line =
      TraceLine(task.ok() ? (*task)->vtid : 0, call, entry, outcome, took, why) + "\n";
  [[maybe_unused]] ssize_t ignored = ::write(out_.get(), line.data(), line.size());
}

}  // namespace moat::sentry
