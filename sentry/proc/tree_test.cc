// The tree over the test's own procfs, which stands for both P_A's and P_B's.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    directory_ = std::filesystem::temp_directory_path() / absl::StrCat("moat-tree-", getpid());
    std::filesystem::create_directory(directory_);
    proc_ = Fd(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    tmpfs_ = Fd(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    config_.proc_a = config_.proc_b = proc_.get();
    config_.tmpfs = tmpfs_.get();
    config_.hostname = "inside";
    config_.mounts = {"1 0 0:9 / / rw,relatime - overlay overlay rw"};
    task_.tid = task_.vtid = gettid();
    task_.tgid = task_.vtgid = getpid();
    task_.uid = {geteuid(), geteuid(), geteuid(), geteuid()};
    task_.gid = {getegid(), getegid(), getegid(), getegid()};
    viewer_.task = &task_;
  }
  ~TreeTest() override {
    tree_.reset();
    std::filesystem::remove_all(directory_);
  }

  VirtualTree& tree() {
    if (!tree_) tree_ = MakeVirtualTree(config_).value();
    return *tree_;
  }

  Fd Open(const std::string& path, uint64_t flags = O_RDONLY) {
    auto result = tree().Open(viewer_, path, flags);
    auto* opened = std::get_if<VirtualOpened>(&result);
    EXPECT_NE(opened, nullptr) << path << ": " << ErrorOf(result);
    return opened == nullptr ? Fd() : std::move(opened->fd);
  }
  std::string Read(const std::string& path) {
    const Fd fd = Open(path);
    auto text = ReadAll(fd.get(), size_t{16} << 20);
    return text.ok() ? *text : "";
  }
  struct statx Stat(const std::string& path, bool follow = true) {
    auto result = tree().Stat(viewer_, path, follow);
    EXPECT_TRUE(std::holds_alternative<struct statx>(result)) << path << ": " << ErrorOf(result);
    return std::holds_alternative<struct statx>(result) ? std::get<struct statx>(result)
                                                        : (struct statx){};
  }
  int OpenError(const std::string& path, uint64_t flags = O_RDONLY) {
    return ErrorOf(tree().Open(viewer_, path, flags));
  }
  template <typename T>
  static int ErrorOf(const VirtualResult<T>& result) {
    const auto* error = std::get_if<Errno>(&result);
    return error == nullptr ? 0 : error->value();
  }
  std::string Link(const std::string& path) {
    auto result = tree().ReadLink(viewer_, path);
    auto* text = std::get_if<std::string>(&result);
    return text == nullptr ? absl::StrCat("errno ", ErrorOf(result)) : *text;
  }
  static struct statx StatOf(const Fd& fd) {
    struct statx attributes {};
    statx(fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes);
    return attributes;
  }
  static std::vector<std::string> Names(const Fd& directory) {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(absl::StrCat("/proc/self/fd/", directory.get()))) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::filesystem::path directory_;
  Fd proc_, tmpfs_;
  TreeConfig config_;
  TaskInfo task_;
  Viewer viewer_;
  std::unique_ptr<VirtualTree> tree_;
};

TEST_F(TreeTest, FilesAreSealedAndReadOnly) {
  const Fd fd = Open("/proc/self/status");
  EXPECT_THAT(ReadAll(fd.get(), 1 << 20).value(), HasSubstr("Name:\tsentry_proc_tes"));
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  const int wanted = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  EXPECT_EQ(fcntl(fd.get(), F_GET_SEALS) & wanted, wanted);
}

TEST_F(TreeTest, EveryReadableFileOfASelfDirectoryOpens) {
  for (const std::string& name : Names(Open("/proc/self"))) {
    const struct statx attributes = Stat("/proc/self/" + name, false);
    if (!S_ISREG(attributes.stx_mode) || (attributes.stx_mode & 0444) == 0) continue;
    const int error = OpenError("/proc/self/" + name);
    const bool refused = name == "stack" || name == "syscall";
    EXPECT_EQ(error, refused ? EPERM : 0) << name;
  }
}

TEST_F(TreeTest, EverySystemFileOpens) {
  std::vector<std::string> directories = {"/proc", "/sys"};
  while (!directories.empty()) {
    const std::string top = directories.back();
    directories.pop_back();
    for (const std::string& name : Names(Open(top))) {
      const std::string path = absl::StrCat(top, "/", name);
      if (top == "/proc" && absl::ascii_isdigit(name[0])) continue;
      const struct statx attributes = Stat(path, false);
      if (S_ISDIR(attributes.stx_mode)) directories.push_back(path);
      if (!S_ISREG(attributes.stx_mode)) continue;
      const int error = OpenError(path);
      // Not every kernel has all of them, and some modes keep non-root out.
      EXPECT_TRUE(error == 0 || error == ENOENT || error == EACCES) << path << ": " << error;
    }
  }
}

TEST_F(TreeTest, TheNextOpenShowsTheIdentityOfTheStat) {
  for (const char* path : {"/proc/self/status", "/proc/version", "/proc", "/proc/self/fd"}) {
    const struct statx by_path = Stat(path);
    const struct statx opened = StatOf(Open(path));
    EXPECT_EQ(by_path.stx_ino, opened.stx_ino) << path;
    EXPECT_EQ(by_path.stx_dev_minor, opened.stx_dev_minor) << path;
    EXPECT_EQ(by_path.stx_mode & S_IFMT, opened.stx_mode & S_IFMT) << path;
  }
  EXPECT_EQ(Stat("/proc/self/status").stx_size, 0u);
}

TEST_F(TreeTest, RefreshGivesTheSameNodeAnew) {
  const Fd first = Open("/proc/sys/kernel/random/uuid");
  auto second = tree().Refresh(viewer_, StatOf(first));
  ASSERT_TRUE(second.ok());
  EXPECT_NE(ReadAll(first.get(), 100).value(), ReadAll(second->get(), 100).value());
  const Fd other(memfd_create("mine", MFD_CLOEXEC));
  EXPECT_EQ(tree().Refresh(viewer_, StatOf(other)).error(), Errno(ENOENT));
  EXPECT_EQ(tree().Refresh(viewer_, StatOf(Open("/proc/version"))).error(), Errno(ENOENT))
      << "a static file is never re-read";
}

TEST_F(TreeTest, DirectoriesAreRecognisedAndHaveTypes) {
  const Fd fd = Open("/proc/self/");
  EXPECT_EQ(tree().PathOfDirectory(StatOf(fd)), absl::StrCat("/proc/", getpid()));
  EXPECT_EQ(tree().MagicOf(StatOf(fd)), PROC_SUPER_MAGIC);
  EXPECT_EQ(tree().MagicOf(StatOf(Open("/sys/devices"))), SYSFS_MAGIC);
  EXPECT_EQ(tree().MagicOf(StatOf(Open("/sys/fs/cgroup"))), CGROUP2_SUPER_MAGIC);
  EXPECT_EQ(tree().MagicOf(StatOf(tmpfs_)), 0);
  EXPECT_EQ(tree().MagicOf(Stat("/proc/self/status")), PROC_SUPER_MAGIC);
  EXPECT_EQ(tree().MagicOf(Stat("/proc/version")), PROC_SUPER_MAGIC);
  EXPECT_THAT(Names(fd), AllOf(Contains("status"), Contains("task"), Contains("exe")));
  EXPECT_THAT(Names(Open("/proc")), AllOf(Contains(absl::StrCat(getpid())), Contains("meminfo"),
                                          Contains("self"), Not(Contains("kcore"))));
}

TEST_F(TreeTest, DescriptorsAreListedAndNamed) {
  const Fd virtual_file = Open("/proc/meminfo");
  const Fd virtual_directory = Open("/proc/self/task");
  const Fd pipe_or_file(open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_THAT(Names(Open("/proc/self/fd")), Contains(absl::StrCat(virtual_file.get())));
  EXPECT_EQ(Link(absl::StrCat("/proc/self/fd/", virtual_file.get())), "/proc/meminfo");
  EXPECT_EQ(Link(absl::StrCat("/proc/self/fd/", virtual_directory.get())),
            absl::StrCat("/proc/", getpid(), "/task"));
  const std::string link = absl::StrCat("/proc/self/fd/", pipe_or_file.get());
  EXPECT_EQ(Link(link), "/dev/null");
  EXPECT_EQ(Stat(link, false).stx_mode, S_IFLNK | 0300);
  EXPECT_EQ(OpenError("/proc/self/fd/99999"), ENOENT);
  EXPECT_EQ(OpenError("/proc/self/fd/01"), ENOENT);
  auto opened = tree().Open(viewer_, link, O_WRONLY);
  auto* left = std::get_if<LeftTree>(&opened);
  ASSERT_NE(left, nullptr);
  EXPECT_TRUE(left->base.valid());
  EXPECT_EQ(left->rest, "");
}

TEST_F(TreeTest, WalksLeaveThroughMagicLinksAndDots) {
  auto by_cwd = tree().Open(viewer_, "/proc/self/cwd/some/file", O_RDONLY);
  ASSERT_TRUE(std::holds_alternative<LeftTree>(by_cwd));
  EXPECT_EQ(std::get<LeftTree>(by_cwd).rest, "some/file");
  EXPECT_TRUE(std::get<LeftTree>(by_cwd).base.valid());
  auto by_root = tree().Stat(viewer_, "/proc/self/root/etc/", true);
  ASSERT_TRUE(std::holds_alternative<LeftTree>(by_root));
  EXPECT_EQ(std::get<LeftTree>(by_root).rest, "etc/");
  EXPECT_FALSE(std::get<LeftTree>(by_root).base.valid());
  auto by_dots = tree().Stat(viewer_, "/proc/../etc/passwd", true);
  ASSERT_TRUE(std::holds_alternative<LeftTree>(by_dots));
  EXPECT_EQ(std::get<LeftTree>(by_dots).rest, "etc/passwd");
  EXPECT_TRUE(S_ISDIR(Stat("/proc/self/fd/../task/../../sys/kernel/..").stx_mode));
}

TEST_F(TreeTest, LinksAreFollowedAsLinuxDoes) {
  EXPECT_EQ(Link("/proc/self"), absl::StrCat(getpid()));
  EXPECT_EQ(Link("/proc/thread-self"), absl::StrCat(getpid(), "/task/", gettid()));
  EXPECT_EQ(OpenError("/proc/self", O_NOFOLLOW), ELOOP);
  EXPECT_TRUE(S_ISLNK(Stat("/proc/mounts", false).stx_mode));
  EXPECT_EQ(Stat("/proc/mounts", false).stx_size, sizeof("self/mounts") - 1);
  EXPECT_EQ(Stat("/proc/self", false).stx_size, 0u);
  EXPECT_THAT(Read("/proc/mounts"), StartsWith("overlay / overlay rw,relatime 0 0\n"));
  EXPECT_THAT(Read("/proc/net/dev"), HasSubstr("lo:"));
  EXPECT_EQ(OpenError("/proc/version/x"), ENOTDIR);
  EXPECT_EQ(OpenError("/proc/version/"), ENOTDIR);
  EXPECT_EQ(Link("/proc/version"), absl::StrCat("errno ", EINVAL));
}

TEST_F(TreeTest, LinksThemselvesAreOpenedByPathOnly) {
  for (const std::string path : {"/proc/self", "/proc/mounts", "/proc/self/exe"}) {
    const Fd link = Open(path, O_PATH | O_NOFOLLOW);
    EXPECT_TRUE(S_ISLNK(StatOf(link).stx_mode));
    EXPECT_EQ(StatOf(link).stx_ino, Stat(path, false).stx_ino);
    EXPECT_EQ(tree().MagicOf(StatOf(link)), PROC_SUPER_MAGIC);
    const std::string name =
        path == "/proc/self/exe" ? absl::StrCat("/proc/", getpid(), "/exe") : path;
    EXPECT_EQ(tree().PathOfLink(link), name);
    EXPECT_EQ(Link(absl::StrCat("/proc/self/fd/", link.get())), name);
  }
  EXPECT_EQ(OpenError("/proc/self", O_PATH | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(tree().PathOfLink(Open("/proc", O_PATH)), std::nullopt);
  // An entry of one of the tree's own directories is no link of the tree.
  const Fd proc = Open("/proc");
  const Fd entry(openat(proc.get(), "self", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  EXPECT_EQ(tree().PathOfLink(entry), std::nullopt);
}

TEST_F(TreeTest, NamespacesAreLookedAtAndNotOpened) {
  struct stat own;
  ASSERT_EQ(stat("/proc/self/ns/net", &own), 0);
  const struct statx attributes = Stat("/proc/self/ns/net");
  EXPECT_EQ(attributes.stx_ino, own.st_ino);
  EXPECT_EQ(attributes.stx_mode, own.st_mode);
  EXPECT_EQ(tree().MagicOf(attributes), NSFS_MAGIC);
  EXPECT_TRUE(S_ISLNK(Stat("/proc/self/ns/net", false).stx_mode));
  EXPECT_EQ(ErrorOf(tree().Access(viewer_, "/proc/self/ns/net", R_OK, true)), 0);
  EXPECT_EQ(OpenError("/proc/self/ns/net"), EACCES);
  EXPECT_EQ(OpenError("/proc/self/ns/net", O_PATH), EACCES);
  EXPECT_EQ(OpenError("/proc/self/ns/net/x"), ENOTDIR);
}

TEST_F(TreeTest, WritableNodesAreTheKernelsOwnFiles) {
  auto opened = tree().Open(viewer_, "/proc/self/comm", O_WRONLY | O_TRUNC);
  auto* left = std::get_if<LeftTree>(&opened);
  ASSERT_NE(left, nullptr);
  EXPECT_TRUE(left->is_node);
  EXPECT_EQ(left->rest, "comm");
  const Fd file(openat(left->base.get(), "comm", O_WRONLY | O_CLOEXEC));
  EXPECT_TRUE(file);
  config_.masked_paths = {absl::StrCat("/proc/", getpid(), "/comm")};
  tree_.reset();
  EXPECT_EQ(OpenError("/proc/self/comm", O_WRONLY), EACCES);
}

TEST_F(TreeTest, IdMapsOpenForWritingAndRefuseIt) {
  auto opened = tree().Open(viewer_, "/proc/self/uid_map", O_RDWR);
  auto* file = std::get_if<VirtualOpened>(&opened);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(write(file->fd.get(), "0 0 1", 5), -1);
  EXPECT_EQ(errno, EPERM);
}

TEST_F(TreeTest, NothingElseCanBeWrittenOrMade) {
  EXPECT_EQ(OpenError("/proc/self/status", O_WRONLY), EACCES);
  EXPECT_EQ(OpenError("/proc/self", O_WRONLY), EISDIR);
  EXPECT_EQ(OpenError("/proc/new", O_WRONLY | O_CREAT), ENOENT);
  EXPECT_EQ(OpenError("/sys/new", O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(OpenError("/proc/version", O_RDONLY | O_CREAT | O_EXCL), EEXIST);
  task_.cap_effective = ~uint64_t{0};
  EXPECT_EQ(OpenError("/proc/sys/kernel/pid_max", O_RDWR), EROFS);
  EXPECT_EQ(ErrorOf(tree().Modify(viewer_, "/proc/self/status", false)), EPERM);
  EXPECT_EQ(ErrorOf(tree().Modify(viewer_, "/proc/nothing", false)), ENOENT);
}

TEST_F(TreeTest, OthersSecretsStayTheirs) {
  task_.vtgid = task_.vtid = 0x7fffffff;  // somebody else, with other ids
  task_.uid = task_.gid = {4242, 4242, 4242, 4242};
  const std::string process = absl::StrCat("/proc/", getpid());
  EXPECT_EQ(OpenError(process + "/maps"), EACCES);
  EXPECT_EQ(OpenError(process + "/environ"), EACCES);
  EXPECT_EQ(OpenError(process + "/fd"), EACCES);
  EXPECT_EQ(OpenError(process + "/cwd/x"), EACCES);
  EXPECT_EQ(Link(process + "/exe"), absl::StrCat("errno ", EACCES));
  EXPECT_THAT(Read(process + "/status"), HasSubstr("Name:"));
}

TEST_F(TreeTest, LimitsShowInsteadOfTheMachine) {
  config_.cpus = 0.5;
  config_.memory_limit = uint64_t{64} << 20;
  config_.pids_limit = 77;
  EXPECT_THAT(Read("/proc/meminfo"), StartsWith("MemTotal:          65536 kB\n"));
  EXPECT_EQ(Read("/sys/fs/cgroup/memory.max"), "67108864\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "50000 100000\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/pids.max"), "77\n");
  const std::string cpuinfo = Read("/proc/cpuinfo");
  EXPECT_EQ(cpuinfo.find("processor"), cpuinfo.rfind("processor"));
  EXPECT_EQ(Read("/sys/devices/system/cpu/online").find_first_of(",-"), std::string::npos);
  EXPECT_EQ(Read("/proc/sys/kernel/hostname"), "inside\n");
}

TEST_F(TreeTest, LimitsThatChangeShow) {
  const std::string group = testing::TempDir() + absl::StrCat("/group-", getpid());
  ASSERT_EQ(mkdir(group.c_str(), 0755), 0);
  const Fd directory(open(group.c_str(), O_PATH | O_CLOEXEC));
  config_.memory_limit = uint64_t{64} << 20;
  config_.pids_limit = 77;
  config_.cgroup_memory = config_.cgroup_pids = directory.get();
  config_.cpus = 0.5;
  config_.cgroup_cpu_limit = config_.cgroup_cpuset = directory.get();
  const auto write = [&group](const char* name, const char* value) {
    std::ofstream(absl::StrCat(group, "/", name)) << value;
  };
  write("memory.max", "100663296\n");
  write("pids.max", "40\n");
  EXPECT_THAT(Read("/proc/meminfo"), StartsWith("MemTotal:          98304 kB\n"));
  EXPECT_EQ(Read("/sys/fs/cgroup/memory.max"), "100663296\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/pids.max"), "40\n");
  write("memory.max", "max\n");
  write("pids.max", "max\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/memory.max"), "max\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/pids.max"), "max\n");
  // Of cgroup v1, then of v2, which is looked for first.
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "50000 100000\n");
  write("cpu.cfs_quota_us", "30000\n");
  write("cpu.cfs_period_us", "20000\n");
  write("cpu.stat", "nr_periods 7\nnr_throttled 5\nthrottled_time 3000000\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "30000 20000\n");
  EXPECT_THAT(Read("/sys/fs/cgroup/cpu.stat"),
              HasSubstr("nr_periods 7\nnr_throttled 5\nthrottled_usec 3000\n"));
  write("cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "max 20000\n");
  write("cpu.max", "10000 40000\n");
  write("cpuset.cpus.effective", "0\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "10000 40000\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpuset.cpus.effective"), "0\n");
  EXPECT_EQ(Read("/sys/devices/system/cpu/online"), "0\n");
  write("cpu.max", "max 40000\n");
  EXPECT_EQ(Read("/sys/fs/cgroup/cpu.max"), "max 40000\n");
  std::filesystem::remove_all(group);
}

TEST_F(TreeTest, MaskedPathsAreEmpty) {
  config_.masked_paths = {"/proc/vmstat", "/sys/devices"};
  EXPECT_EQ(Read("/proc/vmstat"), "");
  EXPECT_TRUE(Names(Open("/sys/devices")).empty());
  EXPECT_EQ(OpenError("/sys/devices/system"), ENOENT);
}

TEST_F(TreeTest, AnUndumpableSecretIsReadFromMemory) {
  EXPECT_THAT(Read("/proc/self/environ"), HasSubstr("="));
  EXPECT_EQ(Read("/proc/self/auxv").size() % 16, 0u);
  EXPECT_GE(Read("/proc/self/auxv").size(), 16u * 10);
}

TEST_F(TreeTest, ManyThreadsAskAtOnce) {
  VirtualTree& shared = tree();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        for (const char* path : {"/proc/self/status", "/proc", "/proc/version", "/proc/self/fd"}) {
          auto attributes = shared.Stat(viewer_, path, true);
          EXPECT_TRUE(std::holds_alternative<struct statx>(attributes)) << path;
          auto opened = shared.Open(viewer_, path, O_RDONLY);
          EXPECT_TRUE(std::holds_alternative<VirtualOpened>(opened)) << path;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TreeTest, ConfiguredSysctlsWin) {
  config_.sysctls = {{"kernel/msgmax", "17"}};
  EXPECT_EQ(Read("/proc/sys/kernel/msgmax"), "17\n");
}

TEST_F(TreeTest, InterfacesHaveSettings) {
  const std::string conf = "/proc/sys/net/ipv4/conf/";
  EXPECT_THAT(Names(Open(conf)), AllOf(Contains("all"), Contains("default"), Contains("lo")));
  EXPECT_EQ(Read(conf + "lo/forwarding"), ReadFile(conf + "lo/forwarding", 100).value());
  EXPECT_EQ(OpenError(conf + "missing/forwarding"), ENOENT);
  EXPECT_THAT(Names(Open("/proc/sys/net/ipv4/neigh")),
              AllOf(Contains("default"), Contains("lo"), Not(Contains("all"))));
  EXPECT_TRUE(Names(Open("/proc/sys/net/ipv4/neigh/lo")).empty());
}

}  // namespace
}  // namespace moat::sentry
