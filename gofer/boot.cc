#include "gofer/boot.h"

#include <string>
#include <utility>

#include "base/fd_message.h"
#include "base/log.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "sentry/boot.h"

namespace moat::gofer {
namespace {

using nlohmann::json;

enum Order { kUserNamespace, kMountNamespace, kNetworkNamespace, kService, kLog, kFds };

absl::StatusOr<uint64_t> ParseCapabilities(const std::string& text) {
  const json message = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || message.value("type", json()) != "boot") {
    return absl::InvalidArgumentError("boot message: no object of type \"boot\"");
  }
  const json kept = message.value("keep_capabilities", json());
  if (!kept.is_number_unsigned()) {
    return absl::InvalidArgumentError("boot message: keep_capabilities is not a number");
  }
  return kept.get<uint64_t>();
}

}  // namespace

absl::StatusOr<BootMessage> ReceiveBootMessage(int socket) {
  ASSIGN_OR_RETURN(FdMessage received,
                   ReceiveMessage(socket, sentry::kMaxBootMessage, sentry::kMaxBootFds));
  if (received.data.empty()) return absl::UnavailableError("boot message: the launcher is gone");
  BootMessage boot;
  ASSIGN_OR_RETURN(boot.cage.capabilities, ParseCapabilities(received.data));
  if (received.fds.size() != kFds) {
    return absl::InvalidArgumentError("boot message: wrong number of descriptors");
  }
  boot.cage.user_namespace = std::move(received.fds[kUserNamespace]);
  boot.cage.mount_namespace = std::move(received.fds[kMountNamespace]);
  boot.cage.network_namespace = std::move(received.fds[kNetworkNamespace]);
  boot.service = std::move(received.fds[kService]);
  boot.log = std::move(received.fds[kLog]);
  return boot;
}

absl::Status ReportReady(int socket) { return SendMessage(socket, json{{"type", "ready"}}.dump()); }

void ReportError(int socket, const absl::Status& status) {
  const json message = {{"type", "error"}, {"message", std::string(status.message())}};
  const auto sent =
      SendMessage(socket, message.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!sent.ok()) LogError(sent.message());
}

}  // namespace moat::gofer
