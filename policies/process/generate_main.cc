// usage: moat-process-filter FILE.json FUNCTION [sanitized] > FILE.cc
//
// Writes the filter of a file (policy_file.h) as C++: the function of process_filter.h that returns
// it. Run by the build.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/compiler/filter_compiler.h"
#include "policies/process/policy_file.h"

namespace moat::policies {
namespace {

constexpr size_t kMaxFile = size_t{1} << 20;

absl::StatusOr<std::string> Generate(const std::string& path, const char* function,
                                     bool sanitized) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFile));
  ASSIGN_OR_RETURN(const ProcessPolicy policy, ParseProcessPolicy(text, sanitized));
  ASSIGN_OR_RETURN(const auto program, Compile(policy.spec));
  std::string code = absl::StrCat(
      "// The filter of ", policy.program, ": ", policy.allowed, " calls, ", policy.conditional,
      " of them by their arguments. Made by moat-process-filter.\n"
      "#include \"policies/process/process_filter.h\"\n\nnamespace moat::policies {\nnamespace {\n"
      "constexpr sock_filter kProgram[] = {\n");
  for (const sock_filter& line : program) {
    absl::StrAppend(&code, "    {", line.code, ", ", line.jt, ", ", line.jf, ", ", line.k, "},\n");
  }
  absl::StrAppend(&code, "};\n}  // namespace\nabsl::Span<const sock_filter> ", function,
                  "() { return kProgram; }\n}  // namespace moat::policies\n");
  return code;
}

}  // namespace
}  // namespace moat::policies

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: moat-process-filter FILE.json FUNCTION [sanitized]\n", stderr);
    return EXIT_FAILURE;
  }
  const auto code = moat::policies::Generate(argv[1], argv[2], argc > 3);
  if (!code.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], std::string(code.status().message()).c_str());
    return EXIT_FAILURE;
  }
  return std::fputs(code->c_str(), stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
