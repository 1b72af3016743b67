#include "gofer/boot.h"

#include <cstdint>

#include "base/boot_message.h"
#include "base/status.h"

namespace moat::gofer {

using nlohmann::json;

absl::StatusOr<Boot> ReceiveBoot(int socket) {
  ASSIGN_OR_RETURN(BootMessage message, BootMessage::Receive(socket));
  if (message.type() != "boot") return MalformedBootMessage("expected boot");
  const json capabilities = message.body().value("keep_capabilities", json());
  if (!capabilities.is_number_unsigned()) {
    return MalformedBootMessage("keep_capabilities is not a number");
  }
  const json stable_mounts = message.body().value("stable_mounts", json());
  if (!stable_mounts.is_boolean()) return MalformedBootMessage("stable_mounts is not a boolean");

  Boot boot;
  boot.stable_mounts = stable_mounts.get<bool>();
  boot.cage.capabilities = capabilities.get<uint64_t>();
  ASSIGN_OR_RETURN(boot.cage.user_namespace, message.Take("user_namespace"));
  ASSIGN_OR_RETURN(boot.cage.mount_namespace, message.Take("mount_namespace"));
  ASSIGN_OR_RETURN(boot.cage.network_namespace, message.Take("net_namespace"));
  ASSIGN_OR_RETURN(boot.service, message.Take("service"));
  ASSIGN_OR_RETURN(boot.log, message.Take("log"));
  return boot;
}

}  // namespace moat::gofer
