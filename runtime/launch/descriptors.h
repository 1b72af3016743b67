// The descriptors that a process of the workload starts with: standard input and output, what the
// caller asked to preserve, nothing else.
#ifndef MOAT_RUNTIME_LAUNCH_DESCRIPTORS_H_
#define MOAT_RUNTIME_LAUNCH_DESCRIPTORS_H_

#include <array>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace moat::launch {

// Makes `stdio`, or `terminal` (a pty's slave; -1: none) three times, descriptors 0 to 2. An error
// when one of them is a directory: paths would lead from it into the host's tree.
absl::Status TakeStdio(const std::array<int, 3>& stdio, int terminal);

// A new session; with `terminal`, descriptor 0 becomes its controlling terminal.
absl::Status StartSession(bool terminal);

// Keeps 0 to 2, the `preserved` from 3 on, and right behind them those that `own` points to, whose
// new numbers it gets; they are close-on-exec. Everything else is closed. An error when a preserved
// one is a directory.
absl::Status KeepDescriptors(int preserved, absl::Span<int* const> own);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_DESCRIPTORS_H_
