// Short paths to files with long ones, for socket addresses, which hold 108 bytes (unix(7)):
// symbolic links in a directory of the sentry's, where the gofer starts its walk.
#ifndef MOAT_SENTRY_FS_SHORT_NAMES_H_
#define MOAT_SENTRY_FS_SHORT_NAMES_H_

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/result.h"
#include "gofer/client/client.h"

namespace moat::sentry {

// Thread-safe.
class ShortNames {
 public:
  // A directory of the sentry's, and the same through a read-only mount that is attached nowhere,
  // as it may get out of the sentry's hands. Both borrowed.
  ShortNames(int directory, int view) : directory_(directory), view_(view) {}

  // Calls `use` with a path that leads to `target` (from the container's root) until it returns.
  template <typename T, typename Use>
  gofer::Outcome<T> With(const std::string& target, const Use& use) {
    const std::string name = absl::StrCat("to-", ++last_number_);
    if (::symlinkat(target.c_str(), directory_, name.c_str()) < 0) {
      return gofer::Failure{Errno::Last(), {}};
    }
    const absl::Cleanup remove = [&] { ::unlinkat(directory_, name.c_str(), 0); };
    return use(gofer::PathRef{name, view_, -1});
  }

 private:
  const int directory_;
  const int view_;
  std::atomic<uint64_t> last_number_ = 0;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_SHORT_NAMES_H_
