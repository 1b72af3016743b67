#include "runtime/rootfs/mount_calls.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace moat::rootfs {
namespace {

// What the file system wrote about its failure: lines "e message", read one at a time (fsopen(2)).
std::string FilesystemMessage(int context) {
  std::string message;
  char line[512];
  for (ssize_t size; (size = ::read(context, line, sizeof(line))) > 0;) {
    absl::string_view text(line, static_cast<size_t>(size));
    if (absl::ConsumePrefix(&text, "e ") || absl::ConsumePrefix(&text, "w ")) {
      absl::StrAppend(&message, message.empty() ? "" : "; ",
                      absl::StripSuffix(text, absl::string_view("\n")));
    }
  }
  return message;
}

absl::Status ContextError(int context, int error, absl::string_view call,
                          const std::string& object) {
  const absl::Status status = ErrnoStatus(error, call, object);
  const std::string message = FilesystemMessage(context);
  return message.empty() ? status : Annotate(status, message);
}

absl::Status Configure(int context, const std::string& type, const FsParameter& parameter) {
  const int result =
      parameter.value ? ::fsconfig(context, FSCONFIG_SET_STRING, parameter.key.c_str(),
                                   parameter.value->c_str(), 0)
                      : ::fsconfig(context, FSCONFIG_SET_FLAG, parameter.key.c_str(), nullptr, 0);
  if (result < 0) {
    return ContextError(context, errno, "fsconfig", absl::StrCat(type, " ", parameter.key));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Fd> NewMount(const std::string& type, const std::vector<FsParameter>& parameters,
                            uint64_t attributes) {
  const Fd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return ErrnoStatus(errno, "fsopen", type);
  for (const FsParameter& parameter : parameters) {
    RETURN_IF_ERROR(Configure(context.get(), type, parameter));
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return ContextError(context.get(), errno, "fsconfig create", type);
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return ContextError(context.get(), errno, "fsmount", type);
  return mount;
}

absl::StatusOr<Fd> CopyTree(const std::string& path, bool recursive) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(recursive ? AT_RECURSIVE : 0);
  Fd tree(::open_tree(AT_FDCWD, path.c_str(), flags));
  if (!tree) return ErrnoStatus(errno, "open_tree", path);
  return tree;
}

absl::StatusOr<Fd> CopyTreeOf(int fd, bool recursive, const std::string& what) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
                         static_cast<unsigned>(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
  Fd tree(::open_tree(fd, "", flags));
  if (!tree) return ErrnoStatus(errno, "open_tree", what);
  return tree;
}

absl::Status Attach(int mount, int target, const std::string& what) {
  if (::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
    return ErrnoStatus(errno, "move_mount", what);
  }
  return absl::OkStatus();
}

absl::Status SetAttributes(int mount, const AttributeChange& change, bool recursive,
                           const std::string& what) {
  if (change.empty()) return absl::OkStatus();
  mount_attr attributes = {};
  attributes.attr_set = change.set;
  attributes.attr_clr = change.clear;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
                      sizeof(attributes)) < 0) {
    return ErrnoStatus(errno, "mount_setattr", what);
  }
  return absl::OkStatus();
}

absl::Status SetPropagation(int mount, uint64_t propagation, bool recursive,
                            const std::string& what) {
  mount_attr attributes = {};
  attributes.propagation = propagation;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
                      sizeof(attributes)) < 0) {
    return ErrnoStatus(errno, "mount_setattr", what);
  }
  return absl::OkStatus();
}

}  // namespace moat::rootfs
