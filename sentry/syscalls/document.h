// docs/syscalls.md, made from the table.
#ifndef MOAT_SENTRY_SYSCALLS_DOCUMENT_H_
#define MOAT_SENTRY_SYSCALLS_DOCUMENT_H_

#include <string>

namespace moat::sentry {

// The whole page. Pure.
std::string SyscallDocument();

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_SYSCALLS_DOCUMENT_H_
