#include "resolver/boot.h"

#include <unistd.h>

#include <string>

#include "base/boot_message.h"
#include "base/read_file.h"
#include "base/status.h"
#include "policies/container/parse_policy.h"

namespace moat::resolver {
namespace {

using nlohmann::json;

absl::StatusOr<policies::Egress> ReadEgress(const Fd& file) {
  constexpr size_t kMaxPolicy = 16 << 20;
  ::lseek(file.get(), 0, SEEK_SET);
  const Result<std::string> text = ReadAll(file.get(), kMaxPolicy);
  if (!text.ok()) return ErrnoStatus(text.error().value(), "read", "the policy");
  ASSIGN_OR_RETURN(const policies::Policy policy, policies::PolicyFromSaved(*text));
  if (policy.egress() == nullptr) return MalformedBootMessage("the policy has no egress rules");
  return *policy.egress();
}

absl::StatusOr<std::vector<policies::EndPoint>> ReadServers(const json& list) {
  std::vector<policies::EndPoint> servers;
  if (!list.is_array() || list.empty())
    return MalformedBootMessage("\"servers\" is no list, or empty");
  for (const json& item : list) {
    if (!item.is_string()) return MalformedBootMessage("a server is no string");
    ASSIGN_OR_RETURN(const policies::EndPoint server,
                     policies::ParseEndPoint(item.get<std::string>()));
    servers.push_back(server);
  }
  return servers;
}

}  // namespace

absl::StatusOr<Boot> ReceiveBoot(int socket) {
  ASSIGN_OR_RETURN(BootMessage message, BootMessage::Receive(socket));
  if (message.type() != "boot") return MalformedBootMessage("expected boot");
  Boot boot;
  ASSIGN_OR_RETURN(boot.user_namespace, message.Take("user_namespace"));
  ASSIGN_OR_RETURN(boot.questions, message.Take("questions"));
  ASSIGN_OR_RETURN(boot.connections, message.Take("connections"));
  ASSIGN_OR_RETURN(boot.sentry, message.Take("sentry"));
  ASSIGN_OR_RETURN(boot.map, message.Take("map"));
  ASSIGN_OR_RETURN(boot.log, message.Take("log"));
  ASSIGN_OR_RETURN(boot.servers, ReadServers(message.body().value("servers", json())));
  ASSIGN_OR_RETURN(const Fd policy, message.Take("policy"));
  ASSIGN_OR_RETURN(boot.egress, ReadEgress(policy));
  return boot;
}

}  // namespace moat::resolver
