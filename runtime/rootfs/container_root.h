// Paths inside the container's root, walked so that nothing in it, whatever symlinks an image or a
// neighbour with a shared volume puts there, leads outside.
//
// Every walk is one openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS from the root's
// descriptor; what is made, is made below a directory descriptor found that way, and a last
// component that is a symlink is never followed when something is created. The process's umask must
// be 0: modes are given in full.
#ifndef MOAT_RUNTIME_ROOTFS_CONTAINER_ROOT_H_
#define MOAT_RUNTIME_ROOTFS_CONTAINER_ROOT_H_

#include <sys/types.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"

namespace moat::rootfs {

// `path` made absolute and lexically clean: no "..", ".", doubled or trailing slash (as Go's
// filepath.Clean("/" + path)). Pure.
std::string CleanPath(absl::string_view path);

// Whether `path` is `directory` or below it. Both clean.
bool IsWithin(absl::string_view path, absl::string_view directory);

class ContainerRoot {
 public:
  // `root` is the directory; ids are the caller's numbers of the container's root, for what is
  // made.
  ContainerRoot(Fd root, uid_t owner, gid_t group)
      : root_(std::move(root)), owner_(owner), group_(group) {}

  int fd() const { return root_.get(); }
  Fd Release() { return std::move(root_); }  // nothing may be asked of it afterwards
  uid_t owner() const { return owner_; }
  gid_t group() const { return group_; }

  // What is at `path` now, as an O_PATH descriptor; mounts are entered. With `follow` false a
  // symlink at the end is opened itself. StatusErrno is openat2's.
  absl::StatusOr<Fd> Open(absl::string_view path, bool follow = true) const;

  // The directory at `path`, made with `mode` when missing (missing parents: 0755). An error when
  // something else is there.
  absl::StatusOr<Fd> MakeDirectory(absl::string_view path, mode_t mode = 0755) const;
  // The non-directory at `path`, an empty file when missing.
  absl::StatusOr<Fd> MakeFile(absl::string_view path) const;

  // Makes a node or symlink, replacing nothing: EEXIST as an error. Parents are made.
  absl::Status MakeNode(absl::string_view path, mode_t mode, dev_t device, uid_t owner,
                        gid_t group) const;
  absl::Status MakeSymlink(absl::string_view path, const std::string& target) const;

 private:
  Fd root_;
  uid_t owner_;
  gid_t group_;
};

}  // namespace moat::rootfs

#endif  // MOAT_RUNTIME_ROOTFS_CONTAINER_ROOT_H_
