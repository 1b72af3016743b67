// Calls on unix sockets that the task makes itself, in a session, so that the kernel records it as
// the one who connected or sent. The address is one of sentry/net/task_name.h.
//
// What would block waits in the session in slices and ends it for a signal: the call is then run
// anew, as Linux does with it (SA_RESTART).
#ifndef MOAT_SENTRY_NET_BY_TASK_H_
#define MOAT_SENTRY_NET_BY_TASK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sentry/call.h"

namespace moat::sentry {

// struct msghdr as it lies in the task: its pointers are the task's.
struct GuestMessage {
  uint64_t name = 0;
  uint32_t name_size = 0;
  uint32_t padding = 0;
  uint64_t vectors = 0, vector_count = 0;
  uint64_t control = 0, control_size = 0;
  uint64_t flags = 0;  // an int, and padding
};

// What to do when the task can't reach the socket by that address after all; null: that is the
// answer. `give_up` is asked while it blocks.
using Otherwise = std::function<Result<uint64_t>(const std::function<bool()>& give_up)>;

// connect(number, address). `socket` is a duplicate of it.
Outcome ConnectByTask(Call& call, int number, const Fd& socket, const std::string& address,
                      const Otherwise& otherwise);

// A struct iovec of the task.
struct GuestBuffer {
  uint64_t address = 0, size = 0;
};

// sendmsg(number, message, flags) with `address` for the message's name, and `data`, unless null,
// for what it sends. The socket is one of AF_UNIX for datagrams, here and below.
Outcome SendByTask(Call& call, int number, const Fd& socket, const std::string& address,
                   const GuestMessage& message, const GuestBuffer* data, int flags,
                   const Otherwise& otherwise);

// A message of sendmmsg(2), and the address to take for its name.
struct GuestLetter {
  platform::GuestAddr at;  // of its struct mmsghdr
  GuestMessage message;
  std::optional<std::string> address;  // nothing: it is sent as it is
};

// sendmmsg(number, letters): as far as they go, their sizes written back.
Outcome SendLettersByTask(Call& call, int number, const Fd& socket,
                          const std::vector<GuestLetter>& letters, int flags);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_NET_BY_TASK_H_
