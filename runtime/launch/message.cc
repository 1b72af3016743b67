#include "runtime/launch/message.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/boot.h"
#include "base/fd_message.h"
#include "base/status.h"
#include "runtime/launch/program.h"

namespace moat::launch {
namespace {

using nlohmann::json;

std::string StringOr(const json& object, const char* key, const char* fallback) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

}  // namespace

absl::Status ErrorOf(const json& body, absl::string_view from) {
  const auto number = body.find("errno");
  const int error = number != body.end() && number->is_number_integer() ? number->get<int>() : 0;
  const std::string text = StringOr(body, "message", "it gave no reason");
  // No errno: a fault of the supervisor's own, whose message alone does not say whose.
  const absl::Status status(absl::ErrnoToStatusCode(error == 0 ? EIO : error),
                            error == 0 ? absl::StrCat(from, ": ", text) : text);
  const auto command = body.find("command");
  const bool about_command = command != body.end() && command->is_boolean() && command->get<bool>();
  return about_command ? MarkCommandFault(WithErrno(status, error)) : WithErrno(status, error);
}

absl::Status Send(int socket, absl::string_view type, json fields, const NamedFds& fds) {
  fields["type"] = std::string(type);
  std::vector<int> numbers;
  if (!fds.empty()) fields["fds"] = json::array();
  for (const auto& [name, fd] : fds) {
    fields["fds"].push_back(name);
    numbers.push_back(fd);
  }
  return SendMessage(socket, fields.dump(-1, ' ', false, json::error_handler_t::replace), numbers);
}

absl::StatusOr<Fd> Received::Take(absl::string_view name) {
  for (auto& [known, fd] : fds) {
    if (known == name && fd) return std::move(fd);
  }
  return absl::InternalError(absl::StrCat("the message ", type, " came without ", name));
}

absl::StatusOr<Received> Receive(int socket, absl::string_view from) {
  absl::StatusOr<FdMessage> packet = ReceiveMessage(socket, kMaxBootMessage, kMaxBootFds);
  const bool reset = StatusErrno(packet.status()) == ECONNRESET;
  if (!packet.ok() && !reset) return Annotate(packet.status(), from);
  if (reset || packet->data.empty()) return absl::UnavailableError(absl::StrCat(from, " died"));
  Received received;
  received.body = json::parse(packet->data, nullptr, /*allow_exceptions=*/false);
  if (!received.body.is_object()) {
    return absl::InternalError(absl::StrCat(from, " sent something else than a JSON object"));
  }
  received.type = StringOr(received.body, "type", "");
  const json names = received.body.value("fds", json::array());
  if (!names.is_array() || names.size() != packet->fds.size()) {
    return absl::InternalError(absl::StrCat(from, " sent descriptors without their names"));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i].is_string()) return absl::InternalError("a descriptor without a name");
    received.fds.emplace_back(names[i].get<std::string>(), std::move(packet->fds[i]));
  }
  return received;
}

absl::StatusOr<Received> Expect(int socket, absl::string_view from, absl::string_view type) {
  ASSIGN_OR_RETURN(Received received, Receive(socket, from));
  if (received.type == type) return received;
  if (received.type == "error" || received.type == "failed") return ErrorOf(received.body, from);
  return absl::InternalError(
      absl::StrCat(from, " sent '", received.type, "' where '", type, "' was due"));
}

absl::StatusOr<Fd> TakeListener(const Received& filtered, int pidfd) {
  const auto number = filtered.body.find("listener");
  if (number == filtered.body.end() || !number->is_number_integer()) {
    return absl::InternalError("a process did not say which descriptor its listener is");
  }
  Fd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, number->get<int>(), 0)));
  if (!listener) return ErrnoStatus(errno, "pidfd_getfd", "the listener");
  return listener;
}

}  // namespace moat::launch
