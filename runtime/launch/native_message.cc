#include "runtime/launch/native_message.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/launch/launch.h"

namespace moat::launch {
namespace {

absl::StatusOr<std::string> ReadType(int socket) {
  char text[512];
  const ssize_t size = ::read(socket, text, sizeof(text));
  if (size < 0) return ErrnoStatus(errno, "read", "a message");
  if (size == 0) return absl::UnavailableError("the other side is gone");
  const auto body = nlohmann::json::parse(text, text + size, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("type") || !body["type"].is_string()) {
    return absl::InternalError("a message that can't be read");
  }
  return body["type"].get<std::string>();
}

}  // namespace

nlohmann::json ErrorFields(const absl::Status& status) {
  return {{"errno", StatusErrno(status)},
          {"message", std::string(status.message())},
          {"command", IsCommandFault(status)}};
}

absl::Status WriteMessage(int socket, absl::string_view type, nlohmann::json fields) {
  fields["type"] = std::string(type);
  const std::string text = fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (::write(socket, text.data(), text.size()) < 0) return ErrnoStatus(errno, "write", type);
  return absl::OkStatus();
}

absl::Status ExpectType(int socket, absl::string_view type) {
  ASSIGN_OR_RETURN(const std::string got, ReadType(socket));
  if (got == type) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("'", got, "' came where '", type, "' was due"));
}

bool WaitForGo(int go) {
  char byte;
  return ::read(go, &byte, 1) == 1;
}

}  // namespace moat::launch
