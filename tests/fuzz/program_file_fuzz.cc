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

void CheckScript(absl::string_view head) {
  const auto line = sentry::ParseScriptLine(head);
  if (!line.ok()) return;
  Require(!line->interpreter.empty());
  Require(line->interpreter.size() < sentry::kProgramHeadSize);
}

}  // namespace

void Run(absl::string_view input) {
  const Fd file = FileWith(input);
  const auto head = sentry::ReadProgramHead(file.get());
  Require(head.ok() && head->size() <= sentry::kProgramHeadSize);
  (void)sentry::IsNativeElf(*head);
  if (absl::StartsWith(*head, "#!")) CheckScript(*head);
  const auto interpreter = sentry::ReadElfInterpreter(file.get());
  if (!interpreter.ok() || !*interpreter) return;
  Require((*interpreter)->size() < PATH_MAX);
  Require((*interpreter)->find('\0') == std::string::npos);
}

}  // namespace moat::fuzz
