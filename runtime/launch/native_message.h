// Messages of a process that is, or is about to be, under the workload's filter: read(2) and
// write(2) are native there, while sendmsg may not be and nobody would answer it yet.
#ifndef MOAT_RUNTIME_LAUNCH_NATIVE_MESSAGE_H_
#define MOAT_RUNTIME_LAUNCH_NATIVE_MESSAGE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace moat::launch {

// What Expect (message.h) makes a status of again.
nlohmann::json ErrorFields(const absl::Status& status);

absl::Status WriteMessage(int socket, absl::string_view type,
                          nlohmann::json fields = nlohmann::json::object());

// Blocks for one message without descriptors, which has to be of `type`.
absl::Status ExpectType(int socket, absl::string_view type);

// Blocks for one byte. False: the other side is gone.
bool WaitForGo(int go);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_NATIVE_MESSAGE_H_
