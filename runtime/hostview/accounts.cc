#include "runtime/hostview/accounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::hostview {
namespace {

using Fields = std::vector<std::string>;

constexpr size_t kMaxFile = 4 << 20;
constexpr size_t kPasswdFields = 7;
constexpr size_t kGroupFields = 4;

absl::StatusOr<std::string> ReadInRoot(int root, const char* path) {
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const Fd file(static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof(how))));
  if (!file && errno == ENOENT) return std::string();
  if (!file) return ErrnoStatus(errno, "open", absl::StrCat("the container's ", path));
  auto text = ReadAll(file.get(), kMaxFile);
  if (!text.ok()) {
    return ErrnoStatus(text.error().value(), "read", absl::StrCat("the container's ", path));
  }
  return std::move(text).value();
}

// The well-formed lines, split at colons.
std::vector<Fields> Lines(const std::string& text, size_t fields) {
  std::vector<Fields> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    Fields split = absl::StrSplit(line, ':');
    if (split.size() == fields) lines.push_back(std::move(split));
  }
  return lines;
}

// A number as nothing but digits; not -1, which means "no change" to the kernel.
std::optional<uint32_t> ParseId(absl::string_view text) {
  uint32_t id;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &id) || id == UINT32_MAX) {
    return std::nullopt;
  }
  return id;
}

absl::StatusOr<Account> FindUser(const AccountFiles& files, absl::string_view user) {
  const std::optional<uint32_t> number = ParseId(user);
  std::optional<Account> by_number;
  for (const Fields& line : Lines(files.passwd, kPasswdFields)) {
    const auto uid = ParseId(line[2]), gid = ParseId(line[3]);
    if (!uid || !gid || line[0].empty()) continue;
    Account account{line[0], *uid, *gid, {}, line[5].empty() ? "/" : line[5]};
    if (line[0] == user) return account;
    if (number && *uid == *number && !by_number) by_number = std::move(account);
  }
  if (by_number) return *by_number;
  if (number) return Account{"", *number, 0, {}, "/"};
  return absl::NotFoundError(
      absl::StrCat("--user: the container's /etc/passwd has no \"", user, "\""));
}

absl::StatusOr<gid_t> FindGroup(const AccountFiles& files, absl::string_view group) {
  for (const Fields& line : Lines(files.group, kGroupFields)) {
    const auto gid = ParseId(line[2]);
    if (gid && line[0] == group) return *gid;
  }
  if (const auto number = ParseId(group)) return *number;
  return absl::NotFoundError(
      absl::StrCat("--user: the container's /etc/group has no \"", group, "\""));
}

std::vector<gid_t> GroupsOf(const AccountFiles& files, const std::string& name) {
  std::vector<gid_t> gids;
  for (const Fields& line : Lines(files.group, kGroupFields)) {
    const auto gid = ParseId(line[2]);
    const Fields members = absl::StrSplit(line[3], ',');
    if (gid && std::find(members.begin(), members.end(), name) != members.end()) {
      gids.push_back(*gid);
    }
  }
  return gids;
}

}  // namespace

absl::StatusOr<AccountFiles> ReadAccountFiles(const std::string& root) {
  const Fd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(errno, "open the root file system", root);
  AccountFiles files;
  ASSIGN_OR_RETURN(files.passwd, ReadInRoot(directory.get(), "/etc/passwd"));
  ASSIGN_OR_RETURN(files.group, ReadInRoot(directory.get(), "/etc/group"));
  return files;
}

absl::StatusOr<Account> FindAccount(const AccountFiles& files, absl::string_view user) {
  const Fields parts = absl::StrSplit(user, ':');
  if (parts.size() > 2 || parts[0].empty() || (parts.size() == 2 && parts[1].empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user: \"", user, "\" is not USER or USER:GROUP"));
  }
  ASSIGN_OR_RETURN(Account account, FindUser(files, parts[0]));
  if (parts.size() == 2) {
    ASSIGN_OR_RETURN(account.gid, FindGroup(files, parts[1]));
  } else if (!account.name.empty()) {
    account.additional_gids = GroupsOf(files, account.name);
  }
  return account;
}

std::vector<std::string> HomeDirectories(const AccountFiles& files) {
  std::vector<std::string> homes;
  for (const Fields& line : Lines(files.passwd, kPasswdFields)) {
    if (absl::StartsWith(line[5], "/")) homes.push_back(line[5]);
  }
  return homes;
}

}  // namespace moat::hostview
