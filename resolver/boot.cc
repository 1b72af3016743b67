#include "resolver/boot.h"

#include <unistd.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/boot.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "policies/container/parse_policy.h"

namespace moat::resolver {
namespace {

using nlohmann::json;

absl::Status Malformed(absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat("boot message: ", fault));
}

using NamedFds = std::map<std::string, Fd>;

absl::StatusOr<NamedFds> Name(const json& names, std::vector<Fd> fds) {
  NamedFds named;
  if (!names.is_array() || names.size() != fds.size()) {
    return Malformed("\"fds\" does not name the descriptors that came");
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    if (!names[i].is_string()) return Malformed("a name in \"fds\" is no string");
    named[names[i].get<std::string>()] = std::move(fds[i]);
  }
  return named;
}

absl::StatusOr<policies::Egress> ReadEgress(const Fd& file) {
  constexpr size_t kMaxPolicy = 16 << 20;
  ::lseek(file.get(), 0, SEEK_SET);
  const Result<std::string> text = ReadAll(file.get(), kMaxPolicy);
  if (!text.ok()) return ErrnoStatus(text.error().value(), "read", "the policy");
  ASSIGN_OR_RETURN(const policies::Policy policy, policies::PolicyFromSaved(*text));
  if (policy.egress() == nullptr) return Malformed("the policy has no egress rules");
  return *policy.egress();
}

absl::StatusOr<std::vector<policies::EndPoint>> ReadServers(const json& list) {
  std::vector<policies::EndPoint> servers;
  if (!list.is_array() || list.empty()) return Malformed("\"servers\" is no list, or empty");
  for (const json& item : list) {
    if (!item.is_string()) return Malformed("a server is no string");
    ASSIGN_OR_RETURN(const policies::EndPoint server,
                     policies::ParseEndPoint(item.get<std::string>()));
    servers.push_back(server);
  }
  return servers;
}

}  // namespace

absl::StatusOr<BootMessage> ReceiveBootMessage(int socket) {
  ASSIGN_OR_RETURN(FdMessage received, ReceiveMessage(socket, kMaxBootMessage, kMaxBootFds));
  if (received.data.empty()) return absl::UnavailableError("boot message: the launcher is gone");
  const json message = json::parse(received.data, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || message.value("type", json()) != "boot") {
    return Malformed("no object of type \"boot\"");
  }
  ASSIGN_OR_RETURN(NamedFds fds, Name(message.value("fds", json()), std::move(received.fds)));
  BootMessage boot;
  for (const auto& [name, fd] :
       {std::pair("user_namespace", &boot.user_namespace), std::pair("questions", &boot.questions),
        std::pair("sentry", &boot.sentry), std::pair("map", &boot.map),
        std::pair("log", &boot.log)}) {
    *fd = std::move(fds[name]);
    if (!*fd) return Malformed(absl::StrCat("no descriptor \"", name, "\""));
  }
  ASSIGN_OR_RETURN(boot.servers, ReadServers(message.value("servers", json())));
  ASSIGN_OR_RETURN(boot.egress, ReadEgress(fds["policy"]));
  return boot;
}

absl::Status ReportReady(int socket) { return SendMessage(socket, json{{"type", "ready"}}.dump()); }

void ReportError(int socket, const absl::Status& status) {
  const json message = {{"type", "error"}, {"message", std::string(status.message())}};
  const auto sent =
      SendMessage(socket, message.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!sent.ok()) LogError(sent.message());
}

}  // namespace moat::resolver
