#include "base/boot_message.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/boot.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "base/status.h"

namespace moat {

using nlohmann::json;

absl::Status MalformedBootMessage(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("boot message: ", what));
}

absl::StatusOr<BootMessage> BootMessage::Receive(int socket) {
  ASSIGN_OR_RETURN(FdMessage packet, ReceiveMessage(socket, kMaxBootMessage, kMaxBootFds));
  if (packet.data.empty()) return absl::UnavailableError("the other side closed the socket");
  BootMessage message;
  message.body_ = json::parse(packet.data, nullptr, /*allow_exceptions=*/false);
  if (!message.body_.is_object()) return MalformedBootMessage("not a JSON object");
  const json type = message.body_.value("type", json());
  if (!type.is_string()) return MalformedBootMessage("no type");
  message.type_ = type.get<std::string>();
  const json names = message.body_.value("fds", json::array());
  if (!names.is_array() || names.size() != packet.fds.size()) {
    return MalformedBootMessage("names and descriptors don't pair up");
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i].is_string()) return MalformedBootMessage("a descriptor without a name");
    message.fds_[names[i].get<std::string>()] = std::move(packet.fds[i]);
  }
  return message;
}

absl::StatusOr<Fd> BootMessage::Take(const std::string& name) {
  Fd fd = TakeOptional(name);
  if (!fd) {
    return MalformedBootMessage(absl::StrCat(type_, " came without the descriptor ", name));
  }
  return fd;
}

Fd BootMessage::TakeOptional(const std::string& name) {
  const auto found = fds_.find(name);
  if (found == fds_.end()) return Fd();
  return std::move(found->second);
}

absl::Status SendBootMessage(int socket, const std::string& type, const json& fields) {
  json message = fields;
  message["type"] = type;
  return SendMessage(socket, message.dump(-1, ' ', false, json::error_handler_t::replace));
}

void ReportBootError(int socket, const absl::Status& status) {
  const absl::Status sent =
      SendBootMessage(socket, "error", {{"message", std::string(status.message())}});
  if (!sent.ok()) LogError(sent.message());
}

}  // namespace moat
