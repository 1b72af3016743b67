// Opening what a descriptor refers to once more, as open("/proc/self/fd/N") and /dev/stdin do; and
// what a remembered name leads to.
#ifndef MOAT_SENTRY_FS_REOPEN_H_
#define MOAT_SENTRY_FS_REOPEN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "gofer/client/client.h"
#include "sentry/call.h"
#include "sentry/fs/on_path.h"

namespace moat::sentry {

// `place` is a descriptor (TreePlace::is_descriptor). The caller's right is asked of the gofer; the
// file is opened anew through the sentry's own procfs. Where only the caller and not the sentry has
// the right (a pipe of another user), the descriptor itself is shared if its mode covers `flags`: a
// difference from Linux that shows in the file offset and the O_APPEND and O_NONBLOCK flags.
// ENXIO for a socket.
gofer::Outcome<gofer::Opened> Reopen(Call& call, const Caller& caller, const TreePlace& place,
                                     uint64_t flags);

// The file behind an O_PATH descriptor, opened for those calls that need an open file, but no right
// to read it: by the sentry's own right, else under its name by the caller's, if that still leads
// to the same file. EBADF for what is neither a regular file nor a directory: to open that would be
// noticed.
Result<Fd> OpenBehind(Call& call, const Fd& path_only);

// The name of the file behind an O_PATH descriptor, from the container's root, if `caller` finds
// that file there. It may be another one's at once: nothing should be changed by it. EBADF when it
// has none.
Result<std::string> NameBehind(Call& call, const Caller& caller, const Fd& path_only);

// Whether OpenUnasked can do anything with these flags of open(2): those of reading.
bool MayOpenUnasked(uint64_t flags);

// Opens what `known` leads to in the container's tree, for reading without asking the gofer: if it
// is a regular file or a directory whose mode alone says that the caller may read it, as its owner
// or because everybody may. Nothing when that is not so, not sure, or when the sentry itself may
// not. `flags` are open(2)'s.
std::optional<gofer::Opened> OpenUnasked(const gofer::Credentials& caller,
                                         const gofer::Channel::Memory& known, uint64_t flags);

// The same for a file that is to be executed: if its mode alone says that the caller may read it
// and execute it, and its mount lets programs be executed.
std::optional<gofer::Opened> OpenForExecUnasked(const gofer::Credentials& caller,
                                                const gofer::Channel::Memory& known);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_REOPEN_H_
