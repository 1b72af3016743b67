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
};

// User, pid and mount namespaces are always new, whatever the config lists.
struct NamespacePlan {
  uint64_t create = 0;  // CLONE_NEW* of the new ones but the time namespace
  bool new_time = false;
  std::vector<JoinedNamespace> join;  // opened, of the right type

  bool creates(uint64_t flag) const { return (create & flag) != 0; }

  // Errors name the entry: a path that is not there or of another type, a type that can't be joined
  // yet (pid, user, mount), or a host name, sysctl or time offset without a new namespace for it.
  static absl::StatusOr<NamespacePlan> Create(const spec::Spec& spec);
};

// Enters those of `plan.join`, with the caller's privileges.
absl::Status JoinNamespaces(const NamespacePlan& plan);

// Makes a new time namespace for the children of this process, with the config's offsets.
absl::Status MakeTimeNamespace(const spec::Linux& config);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_NAMESPACE_PLAN_H_
