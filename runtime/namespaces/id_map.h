// The uid and gid maps of the container's user namespaces (user_namespaces(7)).
//
// Namespace A carries the config's maps, or the identity when it has none; namespace B, the
// workload's, is the identity over A's ids. So "container id" below is the same number in A and B.
#ifndef MOAT_RUNTIME_NAMESPACES_ID_MAP_H_
#define MOAT_RUNTIME_NAMESPACES_ID_MAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/spec/spec.h"

namespace moat::namespaces {

// One kind of id. Constant after Create.
class IdMap {
 public:
  // `mappings` empty: the identity over all ids that `own_map` has, the text of this process's
  // uid_map or gid_map. `field` names the config's field in errors. Container id 0 must be mapped,
  // ranges must not overlap or wrap, and there may be at most 340 (the kernel's limit).
  static absl::StatusOr<IdMap> Create(const std::vector<spec::IdMapping>& mappings,
                                      absl::string_view own_map, absl::string_view field);

  // The mappings of an id-mapped mount, not empty: any ranges that don't overlap.
  static absl::StatusOr<IdMap> ForMount(const std::vector<spec::IdMapping>& mappings,
                                        absl::string_view field);

  // The caller's id for a container's, if it has one.
  std::optional<uint32_t> ToHost(uint32_t container_id) const;
  bool identity() const;

  std::string OuterText() const;  // for A's map file: "container host size" lines
  std::string InnerText() const;  // for B's: "container container size"

 private:
  std::vector<spec::IdMapping> ranges_;
};

struct IdMaps {
  IdMap uid, gid;

  // Both, from the config and this process's own maps.
  static absl::StatusOr<IdMaps> Create(const spec::Linux& config);
};

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_ID_MAP_H_
