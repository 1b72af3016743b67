// The sockets on which moat-resolver takes a container's questions.
#ifndef MOAT_RUNTIME_RESOLV_QUESTIONS_H_
#define MOAT_RUNTIME_RESOLV_QUESTIONS_H_

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "policies/container/network.h"

namespace moat::resolv {

struct Questions {
  Fd datagrams;
  Fd streams;  // listens
};

// Sockets on `resolver`, an IPv4 address, in the network namespace of the process behind `pidfd`.
// The calling thread, the only one, is in that namespace meanwhile. Nobody else can bind the
// address as long as the sockets live.
absl::StatusOr<Questions> OpenQuestions(int pidfd, const policies::EndPoint& resolver);

}  // namespace moat::resolv

#endif  // MOAT_RUNTIME_RESOLV_QUESTIONS_H_
