// A file that the workload executes: "#!" lines and ELF headers.
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "base/fd.h"
#include "sentry/exec/program_file.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

Fd FileWith(absl::string_view content) {
  Fd file(::memfd_create("program", MFD_CLOEXEC));
  Require(file.valid());
  Require(::write(file.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  return file;
}

void CheckScript(absl::string_view start) {
  const auto line = sentry::ParseScriptLine(start);
  if (!line.ok()) return;
  Require(!line->interpreter.empty());
  Require(line->interpreter.size() < sentry::kProgramHeadSize);
}

}  // namespace

void Run(absl::string_view input) {
  const Fd file = FileWith(input);
  const auto start = sentry::ReadProgramStart(file.get());
  Require(start.ok() && start->size() <= sentry::kProgramStartSize);
  (void)sentry::IsNativeElf(*start);
  if (absl::StartsWith(*start, "#!")) CheckScript(*start);
  const auto interpreter = sentry::ReadElfInterpreter(file.get(), *start);
  const auto unread = sentry::ReadElfInterpreter(file.get(), "");
  Require(unread.ok() == interpreter.ok() && (!unread.ok() || *unread == *interpreter));
  if (!interpreter.ok() || !*interpreter) return;
  Require((*interpreter)->size() < PATH_MAX);
  Require((*interpreter)->find('\0') == std::string::npos);
}

}  // namespace moat::fuzz
