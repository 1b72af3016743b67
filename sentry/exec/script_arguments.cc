#include "sentry/exec/script_arguments.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/types/span.h"

namespace moat::sentry {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kMaxArguments = size_t{1} << 20;

void Append(uint64_t word, std::string* bytes) {
  char raw[kWord];
  std::memcpy(raw, &word, kWord);
  bytes->append(raw, kWord);
}

}  // namespace

Result<ScriptArguments> ScriptArguments::Read(Call& call, platform::GuestAddr argv,
                                              std::vector<std::string> prefix) {
  ScriptArguments list;
  list.prefix_ = std::move(prefix);
  if (argv.null()) return list;
  for (bool first = true;;) {
    std::array<std::byte, 512 * kWord> chunk;
    TRY_ASSIGN(const size_t size, call.platform().Read(call.trap(), argv, absl::MakeSpan(chunk)));
    if (size < kWord) return Errno(EFAULT);
    for (size_t at = 0; at + kWord <= size; at += kWord, argv = argv.Plus(kWord)) {
      uint64_t address;
      std::memcpy(&address, &chunk[at], kWord);
      if (address == 0) return list;
      if (!std::exchange(first, false)) list.rest_.push_back(address);
    }
    if (list.rest_.size() > kMaxArguments) return Errno(E2BIG);
  }
}

size_t ScriptArguments::size() const {
  size_t size = (prefix_.size() + rest_.size() + 1) * kWord;
  for (const std::string& text : prefix_) size += text.size() + 1;
  return size;
}

std::string ScriptArguments::At(platform::GuestAddr address) const {
  std::string list, strings;
  const uint64_t strings_at = address.value() + (prefix_.size() + rest_.size() + 1) * kWord;
  for (const std::string& text : prefix_) {
    Append(strings_at + strings.size(), &list);
    strings.append(text.c_str(), text.size() + 1);
  }
  for (const uint64_t argument : rest_) Append(argument, &list);
  Append(0, &list);
  return list + strings;
}

}  // namespace moat::sentry
