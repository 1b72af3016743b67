// How a task names a socket of the container's tree to the kernel, in a call that it makes itself.
//
// The kernel records who connects and who sends (SO_PEERCRED, SCM_CREDENTIALS): so it has to be the
// task that calls, not the gofer. Its root is empty, but its working directory lies in the tree,
// and from there ".." leads up to the container's root, where it stays.
#ifndef MOAT_SENTRY_NET_TASK_NAME_H_
#define MOAT_SENTRY_NET_TASK_NAME_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// An AF_UNIX address, as bytes, by which a task with this working directory finds `target`. Both
// are absolute, as the kernel tells them. `was_relative`: the caller gave a relative path, so that
// a name below the directory means the same as theirs if another thread changes it meanwhile.
// Nothing when none fits into sun_path.
std::optional<std::string> AddressFrom(absl::string_view working_directory,
                                       absl::string_view target, bool was_relative);

// The address by which the caller itself reaches the socket at `path`. An error of the walk, or
// ECONNREFUSED (no socket), ENOENT (it has no name any more), ENAMETOOLONG: then it can't.
Result<std::string> AddressForTask(Call& call, const std::string& path);

// Whether the kernel found fault with the name itself; it is then for the gofer, which walks from
// the caller's root, to say whether that is so.
bool IsAboutName(Errno error);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_NET_TASK_NAME_H_
