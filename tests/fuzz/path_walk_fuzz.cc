// The gofer's own walk of a path (gofer/server/walk.h) against the kernel's, in a tree of
// directories, files and symbolic links that the input describes. /proc and /sys of that tree are
// mounts, as in a container. The kernel is asked by openat2(2):
//
// * with RESOLVE_NO_XDEV: EXDEV means that the walk gets into one of the two mounts.
// RESOLVE_IN_ROOT
//   goes with it: without, every absolute link met on the way from a descriptor is EXDEV, as the
//   kernel has not looked the root up by then (nd_jump_root, fs/namei.c);
// * without: the object that a path leads to, which must be the one that the virtual path leads to.
//
// The input is read byte by byte: what to make, and paths out of few names, so that they meet.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "gofer/server/virtual_mounts.h"
#include "gofer/server/walk.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {
namespace {

constexpr int kSkipped = 77;
constexpr size_t kMaxNodes = 48, kMaxWalks = 16;

void Require(bool holds) {
  if (!holds) std::abort();
}

[[noreturn]] void Skip(const char* why) {
  std::printf("skipped: %s\n", why);
  std::fflush(stdout);
  ::_exit(kSkipped);
}

// The tree, once for the process.
struct World {
  World();
  // Root and working directory of the process; what runs us has paths of its own to go.
  Fd Enter() const {
    Fd before(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    Require(before && ::fchdir(tree.get()) == 0 && ::chroot(".") == 0);
    return before;
  }
  void Leave(const Fd& before) const {
    Require(::fchdir(outside.get()) == 0 && ::chroot(".") == 0 && ::fchdir(before.get()) == 0);
  }

  Fd outside, tree;
  std::unique_ptr<gofer::VirtualMounts> mounts;
};

void MountTmpfs(const std::string& path) {
  if (::mount("fuzz", path.c_str(), "tmpfs", 0, nullptr) < 0) Skip("nothing can be mounted here");
}

World::World() {
  // With the rights over mounts: our own where we have them, else those of a user namespace.
  if (::unshare(CLONE_NEWNS) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
    Skip("no mount namespace can be made here");
  }
  (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  outside.Reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  MountTmpfs("/mnt");
  tree.Reset(::open("/mnt", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const std::string mount : {"/mnt/proc", "/mnt/sys"}) {
    Require(::mkdir(mount.c_str(), 0755) == 0);
    MountTmpfs(mount);
    Require(::mkdir((mount + "/a").c_str(), 0755) == 0);
    Require(::symlink("a", (mount + "/b").c_str()) == 0);
    Require(::symlink("../c", (mount + "/a/up").c_str()) == 0);
    Require(::mount(nullptr, mount.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) ==
            0);
  }
  auto learnt = gofer::VirtualMounts::Learn(tree.get());
  Require(learnt.ok());
  mounts = std::make_unique<gofer::VirtualMounts>(std::move(learnt).value());
}

class Input {
 public:
  explicit Input(absl::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return at_ >= bytes_.size(); }
  unsigned Next() { return empty() ? 0 : static_cast<unsigned char>(bytes_[at_++]); }
  std::string Path();

 private:
  absl::string_view bytes_;
  size_t at_ = 0;
};

std::string Input::Path() {
  constexpr const char* kNames[] = {"a",   "b",    "c", "d",  "..", "..", ".",     "proc",
                                    "sys", "proc", "",  "up", "a",  "b",  "procs", "..."};
  const unsigned shape = Next();
  std::string path = (shape & 1) != 0 ? "/" : "";
  const unsigned names = (shape >> 2) % 7 + 1;
  for (unsigned i = 0; i < names; ++i) {
    if (i > 0) path += "/";
    path += kNames[Next() % std::size(kNames)];
  }
  if ((shape & 2) != 0) path += "/";
  return path;
}

struct WalkToTry {
  std::string base, path;
  bool follow;
};

// What a run makes is taken away in the other order: then every path leads where it led.
class Tree {
 public:
  ~Tree() {
    for (auto node = made_.rbegin(); node != made_.rend(); ++node) {
      Require(::unlinkat(AT_FDCWD, node->first.c_str(), node->second) == 0);
    }
  }
  void MakeDirectory(std::string path) {
    if (Full() || ::mkdir(path.c_str(), 0755) < 0) return;
    made_.emplace_back(std::move(path), AT_REMOVEDIR);
  }
  void MakeLink(const std::string& target, std::string path) {
    if (Full() || ::symlink(target.c_str(), path.c_str()) < 0) return;
    made_.emplace_back(std::move(path), 0);
  }
  void MakeFile(std::string path) {
    if (Full()) return;
    const Fd file(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
    if (file) made_.emplace_back(std::move(path), 0);
  }

 private:
  bool Full() const { return made_.size() >= kMaxNodes; }
  std::vector<std::pair<std::string, int>> made_;
};

struct Reached {
  int error = 0;
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Reached&, const Reached&) = default;
};

Reached Ask(int base, const std::string& path, bool follow, uint64_t resolve) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
  how.resolve = resolve;
  const Fd fd(static_cast<int>(::syscall(SYS_openat2, base, path.c_str(), &how, sizeof(how))));
  if (!fd) return {.error = errno};
  struct stat attributes;
  Require(::fstat(fd.get(), &attributes) == 0);
  return {0, attributes.st_dev, attributes.st_ino};
}

// The same path from the root on.
std::string FromRoot(const Fd& base, const std::string& path) {
  if (path[0] == '/') return path;
  std::array<char, PATH_MAX> directory;
  Require(::fchdir(base.get()) == 0 && ::getcwd(directory.data(), directory.size()) != nullptr);
  Require(::chdir("/") == 0);
  return std::string(directory.data()) + "/" + path;
}

void Compare(const World& world, const WalkToTry& walk) {
  if (walk.path.empty()) return;
  const Fd base(::open(walk.base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statx place, top;
  if (!base || ::statx(base.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &place) < 0) return;
  Require(::statx(root.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &top) == 0);
  // A base inside /proc is the sentry's (sentry/fs/place.h).
  if (place.stx_mnt_id != top.stx_mnt_id) return;

  const gofer::WalkStart start = {root.get(), base.get(), walk.path, walk.follow};
  const auto crossing = gofer::FindCrossing(*world.mounts, start);
  const Reached within =
      Ask(root.get(), FromRoot(base, walk.path), walk.follow, RESOLVE_NO_XDEV | RESOLVE_IN_ROOT);
  const Reached whole = Ask(base.get(), walk.path, walk.follow, 0);
  Require(crossing.has_value() == (within.error == EXDEV));
  if (!crossing) return;
  Require(gofer::MayCross(start));
  // The links that led there count for the kernel, but not a second time for what is left.
  if (whole.error != ELOOP) Require(Ask(root.get(), *crossing, walk.follow, 0) == whole);
}

}  // namespace

void Run(absl::string_view bytes) {
  static const World& world = *new World();
  const Fd before = world.Enter();
  {
    Tree tree;
    Input input(bytes);
    std::vector<WalkToTry> walks;
    while (!input.empty() && walks.size() < kMaxWalks) {
      const unsigned what = input.Next();
      std::string path = input.Path();
      if (what % 8 < 2) {
        tree.MakeDirectory(std::move(path));
      } else if (what % 8 < 5) {
        tree.MakeLink(input.Path(), std::move(path));
      } else if (what % 8 == 5) {
        tree.MakeFile(std::move(path));
      } else {
        walks.push_back({(what & 8) != 0 ? input.Path() : "/", std::move(path), (what & 16) != 0});
      }
    }
    for (const WalkToTry& walk : walks) Compare(world, walk);
  }
  world.Leave(before);
}

}  // namespace moat::fuzz
