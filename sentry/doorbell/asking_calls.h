// The system calls that may come by a doorbell: they ask and change nothing, and their answer is a
// number and at most one block of bytes.
#ifndef MOAT_SENTRY_DOORBELL_ASKING_CALLS_H_
#define MOAT_SENTRY_DOORBELL_ASKING_CALLS_H_

#include <sys/syscall.h>

#include "absl/strings/string_view.h"

namespace moat::sentry {

struct AskingCall {
  int nr;
  absl::string_view name;
};

inline constexpr AskingCall kAskingCalls[] = {
    {SYS_stat, "stat"},
    {SYS_lstat, "lstat"},
    {SYS_newfstatat, "newfstatat"},
    {SYS_statx, "statx"},
    {SYS_access, "access"},
    {SYS_faccessat, "faccessat"},
    {SYS_faccessat2, "faccessat2"},
    // What the code of a doorbell calls itself.
    {SYS_gettid, "gettid"},
};

constexpr bool IsAsking(int nr) {
  for (const AskingCall& call : kAskingCalls) {
    if (call.nr == nr) return nr != SYS_gettid;
  }
  return false;
}

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_ASKING_CALLS_H_
