// The sentry's reading of the boot messages (base/boot.h): JSON with named descriptors,
// validated.
#ifndef MOAT_SENTRY_BOOT_PROTOCOL_H_
#define MOAT_SENTRY_BOOT_PROTOCOL_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/fd.h"
#include "nlohmann/json.hpp"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

// One received message: its object, and the descriptors by the names in its "fds".
class BootMessage {
 public:
  // Blocks for one packet. Errors: end of file, not an object, no "type", names and descriptors
  // that don't pair up.
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

// {"type": type} merged with `fields`, with descriptors (borrowed).
absl::Status SendBootMessage(int socket, const std::string& type,
                             const nlohmann::json& fields = nlohmann::json::object());

struct BootConfig {
  std::string id;
  uint64_t cookie = 0;
  TreeConfig tree;  // values only; descriptors are filled in by the caller
  bool audit_all = false;
  Fd gofer, resolver, init, loader, log, trace, audit, policy, listen;
  Fd cgroup_memory, cgroup_cpu, cgroup_pids;
  Fd tie, proc_a;  // both or none: the pid namespace is another container's
};

absl::StatusOr<BootConfig> ParseBoot(BootMessage& message);

// A process that is to join the container.
struct JoinRequest {
  Fd listener, process;
  uint64_t cookie = 0;  // the one that its filter lets pass
  // Its working directory, and then the names under which its program may be found.
  std::vector<std::string> strings;
};

absl::StatusOr<JoinRequest> ParseJoin(BootMessage& message);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_BOOT_PROTOCOL_H_
