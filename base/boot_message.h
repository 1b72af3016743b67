// The messages of base/boot.h, as the processes that are started read and answer them: JSON objects
// with named descriptors. The objects' own fields are for the reader to check.
#ifndef MOAT_BASE_BOOT_MESSAGE_H_
#define MOAT_BASE_BOOT_MESSAGE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "nlohmann/json.hpp"

namespace moat {

// One received message: its object, and the descriptors by the names in its "fds".
class BootMessage {
 public:
  // Blocks for one packet. Errors: end of file (Unavailable), not an object, no "type", names and
  // descriptors that don't pair up.
  static absl::StatusOr<BootMessage> Receive(int socket);

  const std::string& type() const { return type_; }
  const nlohmann::json& body() const { return body_; }
  // The descriptor, or an error that names it.
  absl::StatusOr<Fd> Take(const std::string& name);
  // The descriptor, or none.
  Fd TakeOptional(const std::string& name);

 private:
  std::string type_;
  nlohmann::json body_;
  std::map<std::string, Fd> fds_;
};

// What is wrong with a message.
absl::Status MalformedBootMessage(absl::string_view what);

// {"type": type} merged with `fields`.
absl::Status SendBootMessage(int socket, const std::string& type,
                             const nlohmann::json& fields = nlohmann::json::object());
// "error" with the status's text. Best effort: whoever started us may be gone.
void ReportBootError(int socket, const absl::Status& status);

}  // namespace moat

#endif  // MOAT_BASE_BOOT_MESSAGE_H_
