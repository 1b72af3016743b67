#include "gofer/system_test/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"

namespace moat::gofer {
namespace {

constexpr time_t kYear2000 = 946684800;

struct Entry {
  const char* path;
  uint32_t mode;  // with the kind
  uint32_t uid, gid;
  const char* target = "";  // of a symlink
};

constexpr uint32_t kDir = S_IFDIR, kReg = S_IFREG, kLink = S_IFLNK | 0777;

constexpr Entry kEntries[] = {
    {"file", kReg | 0644, kAlice, kAlice},
    {"secret", kReg | 0600, 0, 0},
    {"group", kReg | 0640, 0, kStaff},
    {"groupwrite", kReg | 0060, 0, kStaff},
    {"exec", kReg | 0755, 0, 0},
    {"xonly", kReg | 0711, 0, 0},
    {"noread", kReg | 0111, kAlice, kAlice},
    {"ownerless", kReg | 0077, kAlice, kStaff},
    {"setuid", kReg | 06755, kAlice, kStaff},
    {"dir", kDir | 0755, kAlice, kAlice},
    {"dir/file", kReg | 0644, kAlice, kAlice},
    {"private", kDir | 0700, kAlice, kAlice},
    {"private/file", kReg | 0666, kAlice, kAlice},
    {"readonly", kDir | 0555, kBob, kBob},
    {"readonly/file", kReg | 0666, kBob, kBob},
    {"nosearch", kDir | 0766, kAlice, kAlice},
    {"nosearch/file", kReg | 0666, kAlice, kAlice},
    {"sticky", kDir | 01777, 0, 0},
    {"sticky/alice", kReg | 0666, kAlice, kAlice},
    {"sticky/bob", kReg | 0666, kBob, kBob},
    {"sticky/link", kLink, kAlice, kAlice, "../file"},
    {"sticky/dir", kDir | 0777, kAlice, kAlice},
    {"setgid", kDir | 02775, 0, kStaff},
    {"setgid/file", kReg | 02664, kAlice, kStaff},
    {"groupdir", kDir | 0770, 0, kStaff},
    {"groupdir/file", kReg | 0660, 0, kStaff},
    {"acl", kDir | 0750, 0, 0},
    {"acl/file", kReg | 0640, 0, 0},
    {"empty", kDir | 0777, 0, 0},
    {"link", kLink, 0, 0, "file"},
    {"abslink", kLink, 0, 0, "/dir/file"},
    {"dirlink", kLink, 0, 0, "dir"},
    {"dangling", kLink, kBob, kBob, "empty/new"},
    {"loop", kLink, 0, 0, "loop"},
    {"fifo", S_IFIFO | 0666, 0, 0},
    {"null", S_IFCHR | 0666, 0, 0},
};
constexpr absl::string_view kMounts[] = {"ro", "noexec", "volume", "proc", "sys"};

void Must(long result, const char* what, absl::string_view path) {
  if (result >= 0) return;
  std::fprintf(stderr, "fixture: %s %s: %s\n", what, std::string(path).c_str(),
               std::strerror(errno));
  std::abort();
}

std::vector<std::string> NamesIn(int parent, const char* path) {
  const int fd = ::openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Must(fd, "open", path);
  DIR* stream = ::fdopendir(fd);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

bool IsMount(absl::string_view name) {
  return std::find(std::begin(kMounts), std::end(kMounts), name) != std::end(kMounts);
}

bool IsDirectory(int tree, const std::string& path) {
  struct stat attributes;
  return ::fstatat(tree, path.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(attributes.st_mode);
}

void Remove(int tree, const std::string& path) {
  if (!IsDirectory(tree, path)) {
    Must(::unlinkat(tree, path.c_str(), 0), "unlink", path);
    return;
  }
  for (const std::string& name : NamesIn(tree, path.c_str())) {
    Remove(tree, absl::StrCat(path, "/", name));
  }
  Must(::unlinkat(tree, path.c_str(), AT_REMOVEDIR), "rmdir", path);
}

void Make(int tree, const Entry& entry) {
  switch (entry.mode & S_IFMT) {
    case S_IFDIR:
      Must(::mkdirat(tree, entry.path, 0700), "mkdir", entry.path);
      break;
    case S_IFLNK:
      Must(::symlinkat(entry.target, tree, entry.path), "symlink", entry.path);
      break;
    case S_IFREG: {
      const Fd fd(::openat(tree, entry.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
      Must(fd.get(), "create", entry.path);
      Must(::write(fd.get(), "text", 4), "write", entry.path);
      break;
    }
    default:
      Must(::mknodat(tree, entry.path, entry.mode, ::makedev(1, 3)), "mknod", entry.path);
  }
  Must(::fchownat(tree, entry.path, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW), "chown",
       entry.path);
  if (!S_ISLNK(entry.mode)) {
    Must(::fchmodat(tree, entry.path, entry.mode & 07777, 0), "chmod", entry.path);
  }
}

// user:bob:rwx as an access and as a default ACL, in the form of include/uapi/linux/
// posix_acl_xattr.h: version 2, then tag, permissions, id.
void SetAcl(int tree, const char* path) {
  struct AclEntry {
    uint16_t tag, permissions;
    uint32_t id;
  };
  struct {
    uint32_t version = 2;
    AclEntry entries[5] = {
        {0x01, 7, ~0u}, {0x02, 7, kBob}, {0x04, 5, ~0u}, {0x10, 7, ~0u}, {0x20, 0, ~0u}};
  } acl;
  const Fd fd(::openat(tree, path, O_RDONLY | O_CLOEXEC));
  for (const char* name : {"system.posix_acl_access", "system.posix_acl_default"}) {
    Must(::fsetxattr(fd.get(), name, &acl, sizeof(acl), 0), "setxattr", path);
  }
}

void RemoveXattrs(int tree) {
  for (const char* name :
       {"user.test", "trusted.test", "security.capability", "system.posix_acl_access"}) {
    ::fremovexattr(tree, name);  // most often there is none
  }
}

std::string Xattrs(int tree, const std::string& path, const struct stat& attributes) {
  if (!S_ISREG(attributes.st_mode) && !S_ISDIR(attributes.st_mode)) return "";
  const Fd fd(::openat(tree, path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  char names[4096], value[4096];
  const ssize_t size = ::flistxattr(fd.get(), names, sizeof(names));
  std::string text;
  for (const char* name = names; name < names + size; name += std::strlen(name) + 1) {
    const ssize_t length = ::fgetxattr(fd.get(), name, value, sizeof(value));
    if (length < 0) continue;
    absl::StrAppend(&text, " ", name, "=",
                    absl::CHexEscape(absl::string_view(value, static_cast<size_t>(length))));
  }
  return text;
}

void Describe(int tree, const std::string& path, std::string& out) {
  struct stat attributes;
  Must(::fstatat(tree, path.c_str(), &attributes, AT_SYMLINK_NOFOLLOW), "stat", path);
  absl::StrAppend(&out, path, " ", absl::Hex(attributes.st_mode), " ", attributes.st_uid, ":",
                  attributes.st_gid, " ", attributes.st_nlink, " ", attributes.st_size);
  if (attributes.st_mtime < kYear2000) absl::StrAppend(&out, " mtime ", attributes.st_mtime);
  if (S_ISLNK(attributes.st_mode)) {
    char target[4096];
    const ssize_t size = ::readlinkat(tree, path.c_str(), target, sizeof(target));
    absl::StrAppend(&out, " -> ", absl::string_view(target, static_cast<size_t>(size)));
  }
  absl::StrAppend(&out, Xattrs(tree, path, attributes), "\n");
  if (!S_ISDIR(attributes.st_mode) || IsMount(path)) return;
  for (const std::string& name : NamesIn(tree, path.c_str())) {
    Describe(tree, path == "." ? name : absl::StrCat(path, "/", name), out);
  }
}

}  // namespace

void BuildFixture(int tree) {
  for (const std::string& name : NamesIn(tree, ".")) {
    if (!IsMount(name)) Remove(tree, name);
  }
  RemoveXattrs(tree);
  Must(::fchmod(tree, 0755), "chmod", "/");
  Must(::fchown(tree, 0, 0), "chown", "/");
  for (const Entry& entry : kEntries) Make(tree, entry);
  SetAcl(tree, "acl");
}

std::string Snapshot(int tree) {
  std::string text;
  Describe(tree, ".", text);
  return text;
}

}  // namespace moat::gofer
