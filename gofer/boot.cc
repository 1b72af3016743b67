#include "gofer/boot.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/boot.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace moat::gofer {
namespace {

using nlohmann::json;

absl::Status Malformed(absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat("boot message: ", fault));
}

// The descriptors of one message, to be taken by the names in its field "fds".
class NamedFds {
 public:
  static absl::StatusOr<NamedFds> Make(const json& message, std::vector<Fd> fds) {
    const json names = message.value("fds", json());
    const auto is_string = [](const json& name) { return name.is_string(); };
    if (!names.is_array() || !std::all_of(names.begin(), names.end(), is_string) ||
        names.size() != fds.size()) {
      return Malformed("\"fds\" does not name the descriptors that came");
    }
    return NamedFds(names.get<std::vector<std::string>>(), std::move(fds));
  }

  absl::StatusOr<Fd> Take(absl::string_view name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return Malformed(absl::StrCat("no descriptor \"", name, "\""));
    Fd fd = std::move(fds_[static_cast<size_t>(found - names_.begin())]);
    if (!fd) return Malformed(absl::StrCat("no descriptor \"", name, "\""));
    return fd;
  }

 private:
  NamedFds(std::vector<std::string> names, std::vector<Fd> fds)
      : names_(std::move(names)), fds_(std::move(fds)) {}

  std::vector<std::string> names_;
  std::vector<Fd> fds_;
};

}  // namespace

absl::StatusOr<BootMessage> ReceiveBootMessage(int socket) {
  ASSIGN_OR_RETURN(FdMessage received, ReceiveMessage(socket, kMaxBootMessage, kMaxBootFds));
  if (received.data.empty()) return absl::UnavailableError("boot message: the launcher is gone");
  const json message = json::parse(received.data, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || message.value("type", json()) != "boot") {
    return Malformed("no object of type \"boot\"");
  }
  const json capabilities = message.value("keep_capabilities", json());
  if (!capabilities.is_number_unsigned()) return Malformed("keep_capabilities is not a number");

  const json stable_mounts = message.value("stable_mounts", json());
  if (!stable_mounts.is_boolean()) return Malformed("stable_mounts is not a boolean");

  BootMessage boot;
  boot.stable_mounts = stable_mounts.get<bool>();
  boot.cage.capabilities = capabilities.get<uint64_t>();
  ASSIGN_OR_RETURN(NamedFds fds, NamedFds::Make(message, std::move(received.fds)));
  ASSIGN_OR_RETURN(boot.cage.user_namespace, fds.Take("user_namespace"));
  ASSIGN_OR_RETURN(boot.cage.mount_namespace, fds.Take("mount_namespace"));
  ASSIGN_OR_RETURN(boot.cage.network_namespace, fds.Take("net_namespace"));
  ASSIGN_OR_RETURN(boot.service, fds.Take("service"));
  ASSIGN_OR_RETURN(boot.log, fds.Take("log"));
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
