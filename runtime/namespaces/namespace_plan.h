// Which namespaces the workload gets: new, joined by path, or the caller's.
#ifndef MOAT_RUNTIME_NAMESPACES_NAMESPACE_PLAN_H_
#define MOAT_RUNTIME_NAMESPACES_NAMESPACE_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/spec/spec.h"

namespace moat::namespaces {

struct JoinedNamespace {
  int flag = 0;  // CLONE_NEW*
  Fd fd;
  bool is_callers = false;  // the one that this process is in
};

// User and mount namespaces are always new, and so is the pid namespace unless one is joined,
// whatever the config lists.
struct NamespacePlan {
  uint64_t create = 0;  // CLONE_NEW* of the new ones but the time namespace
  bool new_time = false;
  std::vector<JoinedNamespace> join;  // opened, of the right type

  bool creates(uint64_t flag) const { return (create & flag) != 0; }
  // Joined by path, and not the caller's: shared with other containers, not with the host.
  bool joins_foreign(uint64_t flag) const;

  // The pid namespace that is joined, borrowed; -1: a new one is made.
  int joined_pids() const;

  // Errors name the entry: a path that is not there or of another type, a type that can't be joined
  // (user, mount: those keep host and workload apart, and are the supervisor's to make), or a
  // host name or sysctl that would change the host's own, or a time offset without a new namespace.
  static absl::StatusOr<NamespacePlan> Create(const spec::Spec& spec);
};

// Enters those of `plan.join`, with the caller's privileges.
absl::Status JoinNamespaces(const NamespacePlan& plan);

// What the config sets in foreign namespaces that it joins: host names and sysctls. By the process
// that has joined them, with the caller's privileges and /proc: the workload has none there.
absl::Status ConfigureJoined(const spec::Spec& spec, const NamespacePlan& plan);

// The host name in the uts namespace that the workload gets, when the config gives none.
absl::StatusOr<std::string> InheritedHostname(const NamespacePlan& plan);

// Makes a new time namespace for the children of this process, with the config's offsets.
absl::Status MakeTimeNamespace(const spec::Linux& config);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_NAMESPACE_PLAN_H_
