// `moat do --keep DIR`: saves what a run wrote into its copy-on-write layers.
#ifndef MOAT_RUNTIME_HOSTVIEW_KEEP_CHANGES_H_
#define MOAT_RUNTIME_HOSTVIEW_KEEP_CHANGES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::hostview {

// An upper layer of overlayfs (overlayfs.rst), or a directory that was empty before the run.
struct ChangedLayer {
  std::string destination;  // where it was in the container, absolute
  int directory = -1;       // borrowed
  // Whiteouts and symlinks that we made, relative to `destination`: not the run's doing.
  std::vector<std::string> ours;
};

// Name of the list of what the run deleted, one container path a line.
inline constexpr char kDeletedList[] = ".moat-deleted";

// Makes `directory`, or takes it when it is empty: checked before a run, so that no result is lost
// after it.
absl::StatusOr<Fd> PrepareKeepDirectory(const std::string& directory);

// Copies each layer to `keep`/<destination> and writes kDeletedList. To be called when no process
// of the container lives. What the workload made is hostile: nothing is followed or executed, and
// files belong to the caller, without set-uid and set-gid bits. Sockets, pipes and devices are left
// out.
absl::Status KeepChanges(int keep, const std::vector<ChangedLayer>& layers);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_KEEP_CHANGES_H_
