// The root file system of `moat do`: a copy-on-write view of this machine's programs, without its
// data and secrets.
//
// Shown: /usr, /bin, /sbin, /lib*, /etc and /opt, each as the lower layer of an overlay (or as the
// symlink that it is), /etc without its HiddenFiles. Empty and new: /home, /root, /tmp, /var, /run,
// /srv, /mnt and /media. Not there: everything else.
#ifndef MOAT_RUNTIME_HOSTVIEW_HOST_VIEW_H_
#define MOAT_RUNTIME_HOSTVIEW_HOST_VIEW_H_

#include <string>

#include "absl/status/statusor.h"
#include "runtime/rootfs/root_plan.h"

namespace moat::hostview {

// Reads the host's directories, so /etc must be readable in full: needs root.
absl::StatusOr<rootfs::RootPlan> HostView();

// A copy-on-write view of the root file system in `directory`, nothing hidden.
absl::StatusOr<rootfs::RootPlan> DirectoryView(const std::string& directory);

}  // namespace moat::hostview

#endif  // MOAT_RUNTIME_HOSTVIEW_HOST_VIEW_H_
