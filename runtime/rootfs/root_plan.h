// A root file system that is put together from parts of the host, for `moat do`: an empty tmpfs
// with copy-on-write views of host directories. It takes the place of spec.root.path; spec.mounts
// (volumes, /dev, /tmp, ...) come on top of it, in order, as over any root.
#ifndef MOAT_RUNTIME_ROOTFS_ROOT_PLAN_H_
#define MOAT_RUNTIME_ROOTFS_ROOT_PLAN_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace moat::rootfs {

struct RootPlan {
  // Applied to the skeleton in this order: directories, symlinks, overlays.
  struct Directory {
    std::string path;  // absolute, in the container; missing parents are made with 0755
    mode_t mode = 0755;
  };
  struct Symlink {
    std::string path;  // absolute, in the container
    std::string target;
  };
  // A copy-on-write view of `lower`, a host directory. Changes go to the run's upper tmpfs.
  struct Overlay {
    std::string lower;        // absolute, on the host; other file systems mounted below do not show
    std::string destination;  // absolute, in the container, made when missing; "/": the whole root
    // Names below `lower`, relative to it ("ssl/private"), that the container must not see. They
    // look deleted (a whiteout in the upper layer). Names that `lower` does not have are ignored.
    std::vector<std::string> hidden;
  };

  std::vector<Directory> directories;
  std::vector<Symlink> symlinks;
  std::vector<Overlay> overlays;
  uint64_t upper_size = 0;  // bytes that all upper layers and the skeleton may take; 0: tmpfs's own
};

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_ROOT_PLAN_H_
