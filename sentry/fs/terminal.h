// The controlling terminal of a task (tty(4), credentials(7)): what /dev/tty means, and when an
// open makes a terminal the controlling one.
//
// The gofer opens every terminal with O_NOCTTY and has no terminal of its own, so both are done
// here, for the task.
#ifndef MOAT_SENTRY_FS_TERMINAL_H_
#define MOAT_SENTRY_FS_TERMINAL_H_

#include <sys/stat.h>

#include <cstdint>

#include "base/result.h"
#include "gofer/client/client.h"
#include "sentry/call.h"

namespace moat::sentry {

// Whether `attributes` are those of a /dev/tty node.
bool IsControllingTerminalNode(const struct statx& attributes);

// Opens the caller's controlling terminal: a pseudo-terminal of the container's devpts. ENXIO when
// the caller has none, or one from outside the container.
gofer::Outcome<gofer::Opened> OpenControllingTerminal(Call& call, uint64_t flags);

// Whether opening the file with `flags` makes it the caller's controlling terminal: a terminal, no
// O_NOCTTY, a session leader without one (tty_ioctl(4)).
bool BecomesControllingTerminal(Call& call, const struct statx& attributes, uint64_t flags);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_TERMINAL_H_
