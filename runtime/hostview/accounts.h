// Users and groups out of passwd(5) and group(5) files of a root file system, and what `--user`
// means there. Reads files only: the name services of the host say nothing about a container.
#ifndef MOAT_RUNTIME_HOSTVIEW_ACCOUNTS_H_
#define MOAT_RUNTIME_HOSTVIEW_ACCOUNTS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moat::hostview {

struct Account {
  std::string name;  // "" when the files do not have it
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;
  std::string home;  // "/" when the files do not have it
};

// The text of both files; "" for a missing one.
struct AccountFiles {
  std::string passwd;
  std::string group;
};

// Those of the root file system in `root`; symlinks in it do not lead out of it.
absl::StatusOr<AccountFiles> ReadAccountFiles(const std::string& root);

// `user` is "UID", "UID:GID", "name", "name:group" or a mixture. Numbers are plain decimal digits
// below 2^32 - 1, and a name wins over a number (CVE-2026-30892). Groups: the account's own, or
// only the one that is given.
absl::StatusOr<Account> FindAccount(const AccountFiles& files, absl::string_view user);

// Every home directory in `files`.
std::vector<std::string> HomeDirectories(const AccountFiles& files);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_ACCOUNTS_H_
