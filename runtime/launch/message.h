// The messages of base/boot.h: JSON objects with named descriptors.
#ifndef MOAT_RUNTIME_LAUNCH_MESSAGE_H_
#define MOAT_RUNTIME_LAUNCH_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "nlohmann/json.hpp"

namespace moat::launch {

// Descriptors to go with a message, borrowed, with their names.
using NamedFds = std::vector<std::pair<std::string, int>>;

absl::Status Send(int socket, absl::string_view type,
                  nlohmann::json fields = nlohmann::json::object(), const NamedFds& fds = {});

struct Received {
  std::string type;
  nlohmann::json body;
  std::vector<std::pair<std::string, Fd>> fds;

  // An error when there is none of that name.
  absl::StatusOr<Fd> Take(absl::string_view name);
};

// Blocks for one message. `from` names the other side: an end of file is the error "<from> died".
absl::StatusOr<Received> Receive(int socket, absl::string_view from);

// The same; only `type` will do. A message "error" or "failed" becomes its status.
absl::StatusOr<Received> Expect(int socket, absl::string_view from, absl::string_view type);

// The status that the body of a message "error" or "failed" stands for.
absl::Status ErrorOf(const nlohmann::json& body, absl::string_view from);

// The listener that the process of `pidfd` has just installed and names in its message "filtered".
absl::StatusOr<Fd> TakeListener(const Received& filtered, int pidfd);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_MESSAGE_H_
