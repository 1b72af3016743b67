#include "runtime/hostview/hidden_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace moat::hostview {
namespace {

// Relative to /etc; a '*' at the end stands for any rest. "-" ends the back-ups of shadow(5).
constexpr absl::string_view kSecrets[] = {
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    "shadow.*",
    "gshadow.*",
    "security/opasswd",
    "sudoers",
    "sudoers.d",
    "ssl/private",
    "pki/tls/private",
    "pki/private",
    "krb5.keytab",
    "ssh/ssh_host_*",
    "letsencrypt",
    "wireguard",
    "openvpn",
    "ipsec.secrets",
    "swanctl/private",
    "ppp/chap-secrets",
    "ppp/pap-secrets",
    "NetworkManager/system-connections",
    "wpa_supplicant",
    "docker/key.json",
    "kubernetes",
    "rancher",
    "crypttab",
    "luks",
    "cryptsetup-keys.d",
    "samba/private",
    "credstore",
    "credstore.encrypted",
    "netplan",
    "ldap.secret",
    "libnss-ldap.secret",
};

bool IsSecret(absl::string_view name) {
  return std::any_of(std::begin(kSecrets), std::end(kSecrets), [&](absl::string_view secret) {
    return absl::EndsWith(secret, "*")
               ? absl::StartsWith(name, secret.substr(0, secret.size() - 1)) &&
                     !absl::EndsWith(name, ".pub")
               : name == secret;
  });
}

bool OtherMayRead(const struct stat& status) {
  const mode_t needed = S_ISDIR(status.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
  return S_ISLNK(status.st_mode) || (status.st_mode & needed) == needed;
}

// Adds what is hidden in `directory`, which is `name` below /etc ("" for /etc itself).
absl::Status Collect(const std::string& directory, const std::string& name,
                     std::vector<std::string>& hidden) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string leaf = entry->path().filename().string();
    const std::string relative = name.empty() ? leaf : absl::StrCat(name, "/", leaf);
    const std::string path = entry->path().string();
    struct stat status;
    if (::lstat(path.c_str(), &status) < 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return ErrnoStatus(errno, "lstat", path);
    }
    if (IsSecret(relative) || !OtherMayRead(status)) {
      hidden.push_back(relative);
    } else if (S_ISDIR(status.st_mode)) {
      RETURN_IF_ERROR(Collect(path, relative, hidden));
    }
  }
  // A directory that cannot be looked through would be shown unchecked.
  if (error) return ErrnoStatus(error.value(), "list", directory);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> HiddenFiles(const std::string& etc) {
  std::vector<std::string> hidden;
  RETURN_IF_ERROR(Collect(etc, "", hidden));
  std::sort(hidden.begin(), hidden.end());
  return hidden;
}

}  // namespace moat::hostview
