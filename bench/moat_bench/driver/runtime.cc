#include "bench/moat_bench/driver/runtime.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace moat::bench {
namespace {

absl::StatusOr<std::vector<std::string>> Words(absl::string_view text) {
  std::vector<std::string> words;
  char quote = 0;
  bool inside = false;
  for (const char letter : text) {
    if (quote != 0 ? letter == quote : letter == '\'' || letter == '"') {
      quote = quote != 0 ? 0 : letter;
      if (!inside) words.emplace_back();
      inside = true;
    } else if (quote == 0 && absl::ascii_isspace(static_cast<unsigned char>(letter))) {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      words.back().push_back(letter);
    }
  }
  if (quote != 0)
    return absl::InvalidArgumentError(absl::StrCat("a quote is not closed in: ", text));
  return words;
}

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 40) return false;
  for (const char letter : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(letter)) && letter != '-' &&
        letter != '_' && letter != '.') {
      return false;
    }
  }
  return name != "." && name != ".." && name != "host";
}

}  // namespace

absl::StatusOr<Runtime> ParseRuntime(absl::string_view text) {
  const size_t equals = text.find('=');
  Runtime runtime;
  runtime.name = std::string(text.substr(0, equals));
  if (!IsName(runtime.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--runtime ", text, ": a name is letters, digits, '-', '_' and '.', and not \"host\""));
  }
  const auto words =
      Words(equals == absl::string_view::npos ? runtime.name : text.substr(equals + 1));
  if (!words.ok()) return words.status();
  if (words->empty())
    return absl::InvalidArgumentError(absl::StrCat("--runtime ", text, ": no command after '='"));
  runtime.command = *words;
  return runtime;
}

}  // namespace moat::bench
