// The argument checks of the table: calls of which only some uses are let through.
//
// A check sees registers only, so it decides by values, never by what a pointer leads to.
#ifndef MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_
#define MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_

#include "absl/types/span.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry::checks {

// Each list says what its calls do when no check holds: see the table's lines.
absl::Span<const Check> Socket();             // otherwise EAFNOSUPPORT
absl::Span<const Check> SocketPair();         // otherwise EAFNOSUPPORT
absl::Span<const Check> SetSocketOption();    // refuses some, otherwise native
absl::Span<const Check> SendTo();             // native without an address, otherwise notify
absl::Span<const Check> Clone();              // native without new namespaces, otherwise EPERM
absl::Span<const Check> Unshare();            // the same
absl::Span<const Check> Ioctl();              // native by request number, otherwise ENOTTY
absl::Span<const Check> Prctl();              // native by option, otherwise EINVAL
absl::Span<const Check> ArchPrctl();          // native by option, otherwise EINVAL
absl::Span<const Check> Personality();        // native by persona, otherwise EPERM
absl::Span<const Check> Seek();               // notify a rewind, otherwise native
absl::Span<const Check> StatOfDescriptor();   // newfstatat: native for fstat, otherwise notify
absl::Span<const Check> StatxOfDescriptor();  // statx: the same
absl::Span<const Check> TimesOfDescriptor();  // utimensat, futimesat without a path: native

}  // namespace moat::sentry::checks

#endif  // MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_
