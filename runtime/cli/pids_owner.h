// Which container owns a pid namespace that a config joins by path.
#ifndef MOAT_RUNTIME_CLI_PIDS_OWNER_H_
#define MOAT_RUNTIME_CLI_PIDS_OWNER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/launch/launch.h"
#include "runtime/spec/spec.h"
#include "runtime/state/store.h"

namespace moat::cli {

// "path" of the pid namespace in linux.namespaces; none: the container gets one of its own.
std::optional<std::string> PathOfPids(const spec::Spec& spec);

// The container of `store` in whose pid namespace that path leads; none without a path. An error
// when no living one has it: what runs in it has no supervisor of moat's then.
absl::StatusOr<std::optional<launch::PidsOwner>> FindPidsOwner(const state::Store& store,
                                                               const spec::Spec& spec);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_PIDS_OWNER_H_
