#include "runtime/cli/foreign_command.h"

#include <algorithm>

namespace moat::cli {
namespace {

bool IsFlag(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// Whether the word after the flag `word` is its value.
bool TakesNextWord(const CLI::App& app, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  const CLI::Option* option = app.get_option_no_throw(word);
  if (option == nullptr) option = app.get_option_no_throw("-" + word);
  return option != nullptr && option->get_expected_min() > 0 && option->get_type_size_min() > 0;
}

// The index of the first word from `start` on that is neither a flag of `app` nor a flag's value.
size_t SkipFlags(const CLI::App& app, const std::vector<std::string>& words, size_t start) {
  size_t i = start;
  while (i < words.size() && words[i] != "--" && IsFlag(words[i])) {
    i += TakesNextWord(app, words[i]) ? 2 : 1;
  }
  return std::min(i, words.size());
}

}  // namespace

CutArguments CutForeignCommand(const CLI::App& app, const std::set<std::string>& takes_foreign,
                               const std::vector<std::string>& arguments) {
  const size_t chosen = SkipFlags(app, arguments, 0);
  if (chosen == arguments.size() || takes_foreign.count(arguments[chosen]) == 0) {
    return {arguments, {}};
  }
  const CLI::App* command = app.get_subcommand(arguments[chosen]);
  const auto cut =
      arguments.begin() + static_cast<ptrdiff_t>(SkipFlags(*command, arguments, chosen + 1));
  const bool marked = cut != arguments.end() && *cut == "--";
  return {{arguments.begin(), cut}, {cut + (marked ? 1 : 0), arguments.end()}};
}

}  // namespace moat::cli
