#include "sentry/own_network.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moat::sentry {

void SetOwnNetwork(const Fd& proc, const std::map<std::string, std::string>& settings) {
  for (const auto& [name, value] : settings) {
    if (!absl::StartsWith(name, "net/")) continue;
    open_how how = {};
    how.flags = O_WRONLY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    const std::string path = absl::StrCat("sys/", name);
    const Fd file(
        static_cast<int>(::syscall(SYS_openat2, proc.get(), path.c_str(), &how, sizeof(how))));
    // Whatever is wrong with a value shows where the container's init sets it.
    if (file) (void)!::write(file.get(), value.data(), value.size());
  }
}

}  // namespace moat::sentry
