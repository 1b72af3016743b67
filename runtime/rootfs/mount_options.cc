#include "runtime/rootfs/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <iterator>

// glibc 2.36's sys/mount.h lacks it (mount_setattr(2), since Linux 5.14).
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

namespace moat::rootfs {
namespace {

struct AttributeOption {
  absl::string_view name;
  uint64_t set;
  uint64_t clear;
};

// Also understood with an "r" in front, for all mounts below.
constexpr AttributeOption kAttributeOptions[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

struct PropagationOption {
  absl::string_view name;
  uint64_t propagation;
  bool recursive;
};

constexpr PropagationOption kPropagationOptions[] = {
    {"private", MS_PRIVATE, false},       {"rprivate", MS_PRIVATE, true},
    {"slave", MS_SLAVE, false},           {"rslave", MS_SLAVE, true},
    {"shared", MS_SHARED, false},         {"rshared", MS_SHARED, true},
    {"unbindable", MS_UNBINDABLE, false}, {"runbindable", MS_UNBINDABLE, true},
};

// Carried out by the file system itself, under these names (fsconfig(2)).
constexpr absl::string_view kSuperblockFlags[] = {"sync", "dirsync", "lazytime", "mand"};

// The opposites of the above, and what is so anyway.
constexpr absl::string_view kDefaults[] = {"defaults",   "async",  "nolazytime", "iversion",
                                           "noiversion", "silent", "loud",       "nomand"};

template <typename Table>
bool Contains(const Table& table, absl::string_view option) {
  return std::find(std::begin(table), std::end(table), option) != std::end(table);
}

template <typename Table>
auto FindNamed(const Table& table, absl::string_view name) {
  return std::find_if(std::begin(table), std::end(table),
                      [name](const auto& entry) { return entry.name == name; });
}

void Apply(const AttributeOption& option, AttributeChange& change) {
  change.set = (change.set & ~option.clear) | option.set;
  change.clear = (change.clear & ~option.set) | option.clear;
}

bool TakeAttribute(absl::string_view option, MountOptions& options) {
  if (auto found = FindNamed(kAttributeOptions, option); found != std::end(kAttributeOptions)) {
    Apply(*found, options.attributes);
    if (option == "ro" || option == "rw") options.read_only_fs = option == "ro";
    if (option == "dev") options.asks_for_devices = true;
    return true;
  }
  if (option.empty() || option.front() != 'r') return false;
  auto found = FindNamed(kAttributeOptions, option.substr(1));
  if (found == std::end(kAttributeOptions)) return false;
  Apply(*found, options.recursive_attributes);
  if (option == "rdev") options.asks_for_devices = true;
  return true;
}

bool TakeFlag(absl::string_view option, MountOptions& options) {
  if (option == "bind" || option == "rbind") {
    options.bind = true;
    options.recursive = options.recursive || option == "rbind";
  } else if (option == "idmap" || option == "ridmap") {
    options.id_mapped = true;
    options.id_mapped_recursive = option == "ridmap";
  } else if (option == "remount") {
    options.remount = true;
  } else if (option == "tmpcopyup") {
    options.copy_up = true;
  } else {
    return false;
  }
  return true;
}

bool TakePropagation(absl::string_view option, MountOptions& options) {
  auto found = FindNamed(kPropagationOptions, option);
  if (found == std::end(kPropagationOptions)) return false;
  options.propagation = found->propagation;
  options.propagation_recursive = found->recursive;
  return true;
}

void TakeParameter(absl::string_view option, MountOptions& options) {
  const size_t equals = option.find('=');
  if (equals == absl::string_view::npos) {
    options.parameters.push_back({std::string(option), std::nullopt});
  } else {
    options.parameters.push_back(
        {std::string(option.substr(0, equals)), std::string(option.substr(equals + 1))});
  }
}

}  // namespace

MountOptions ParseMountOptions(const std::vector<std::string>& options) {
  MountOptions parsed;
  for (const std::string& written : options) {
    const absl::string_view option = written;
    if (option.empty() || TakeFlag(option, parsed) || Contains(kDefaults, option) ||
        TakePropagation(option, parsed) || TakeAttribute(option, parsed)) {
      continue;
    } else if (Contains(kSuperblockFlags, option)) {
      parsed.parameters.push_back({std::string(option), std::nullopt});
    } else {
      TakeParameter(option, parsed);
    }
  }
  return parsed;
}

}  // namespace moat::rootfs
