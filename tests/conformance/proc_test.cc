// What programs read in /proc and /sys: the things that libraries and tools depend on.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <climits>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Proc : public Scratch {};

std::string OwnFolder() { return "/proc/" + std::to_string(getpid()); }

// The value of "name:\tvalue" in a file of such lines.
std::string Field(const std::string& path, const std::string& name) {
  std::istringstream lines(ReadFile(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    const size_t from = line.find_first_not_of(" \t", name.size() + 1);
    return from == std::string::npos ? "" : line.substr(from);
  }
  return "missing";
}

std::string LinkAt(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

TEST_F(Proc, SelfIsOwnPid) { EXPECT_EQ(std::to_string(getpid()), LinkAt("/proc/self")); }
TEST_F(Proc, ThreadSelfIsOwnThread) {
  std::thread([] {
    EXPECT_EQ(std::to_string(getpid()) + "/task/" + std::to_string(gettid()),
              LinkAt("/proc/thread-self"));
  }).join();
}
// Not ENAMETOOLONG: procfs looks for them.
TEST_F(Proc, LongNamesAreMissing) {
  const std::string name(NAME_MAX + 1, 'x');
  EXPECT_ERRNO(ENOENT, open(("/proc/" + name).c_str(), O_RDONLY));
  EXPECT_ERRNO(ENOENT, open(("/proc/self/" + name + "/y").c_str(), O_RDONLY));
  EXPECT_ERRNO(ENOENT, access(("/sys/" + name).c_str(), F_OK));
}

TEST_F(Proc, LinkItselfIsOpenedByPathOnly) {
  const Fd link(open("/proc/self", O_PATH | O_NOFOLLOW));
  ASSERT_TRUE(link);
  struct stat status;
  ASSERT_EQ(0, fstat(link.get(), &status));
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_F(Proc, ListsOwnPid) {
  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    found = found || entry.path().filename() == std::to_string(getpid());
  }
  EXPECT_TRUE(found);
}
TEST_F(Proc, MissingPidIsEnoent) {
  EXPECT_ERRNO(ENOENT, open("/proc/4194304/status", O_RDONLY));
  EXPECT_ERRNO(ENOENT, open("/proc/self/no-such", O_RDONLY));
  EXPECT_ERRNO(ENOENT, open("/proc/no-such", O_RDONLY));
}
TEST_F(Proc, EndedChildIsGone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(Exists("/proc/" + std::to_string(child)));
}
TEST_F(Proc, ZombieIsThereAsZ) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_EQ("Z (zombie)", Field("/proc/" + std::to_string(child) + "/status", "State"));
  waitpid(child, nullptr, 0);
}
TEST_F(Proc, StatusTellsIds) {
  EXPECT_EQ(0, As({1000, 1001, {5}}, [] {
              const std::string path = "/proc/self/status";
              if (Field(path, "Uid") != "1000\t1000\t1000\t1000") return 101;
              if (Field(path, "Gid") != "1001\t1001\t1001\t1001") return 102;
              if (Field(path, "Groups") != "5 ") return 103;
              if (Field(path, "Pid") != std::to_string(getpid())) return 104;
              if (Field(path, "PPid") != std::to_string(getppid())) return 105;
              return 0;
            }));
}
TEST_F(Proc, StatusTellsThreadsAndUmask) {
  umask(0137);
  EXPECT_EQ("1", Field("/proc/self/status", "Threads"));
  EXPECT_EQ("0137", Field("/proc/self/status", "Umask"));
}
TEST_F(Proc, StatHasTheRightFields) {
  std::istringstream stat(ReadFile("/proc/self/stat"));
  std::string pid, comm, state, parent;
  stat >> pid >> comm >> state >> parent;
  EXPECT_EQ(std::to_string(getpid()), pid);
  EXPECT_EQ("(conformance)", comm);
  EXPECT_EQ("R", state);
  EXPECT_EQ(std::to_string(getppid()), parent);
}
TEST_F(Proc, StatmCountsPages) {
  std::istringstream statm(ReadFile("/proc/self/statm"));
  long size = 0, resident = 0;
  statm >> size >> resident;
  EXPECT_GT(size, resident);
  EXPECT_GT(resident, 0);
}
TEST_F(Proc, CommIsTheNameOfTheProgram) {
  EXPECT_EQ("conformance\n", ReadFile("/proc/self/comm"));
  EXPECT_EQ(0, InChild([] {
              prctl(PR_SET_NAME, "renamed");
              return ReadFile("/proc/self/comm") == "renamed\n" ? 0 : 100;
            }));
}
TEST_F(Proc, CommIsWritten) {
  EXPECT_EQ(0, InChild([] {
              Fd fd(open("/proc/self/comm", O_WRONLY));
              if (write(fd.get(), "written", 7) != 7) return 100;
              char name[16];
              prctl(PR_GET_NAME, name);
              return std::string(name) == "written" ? 0 : 101;
            }));
}
TEST_F(Proc, CommIsWrittenThroughARedirection) {
  EXPECT_EQ(0, InChild([] {
              Fd fd(open("/proc/self/comm", O_WRONLY | O_CREAT | O_TRUNC, 0666));
              if (write(fd.get(), "a name that is too long\n", 24) != 24) return errno;
              return ReadFile("/proc/self/comm") == "a name that is \n" ? 0 : 101;
            }));
}
TEST_F(Proc, CommOfAThreadIsWrittenByItsGroup) {
  EXPECT_EQ(0, InChild([] {
              std::atomic<int> tid = 0, done = 0;
              std::string name(16, '\0');
              std::thread thread([&] {
                tid = gettid();
                while (done == 0) usleep(1000);
                prctl(PR_GET_NAME, name.data());
              });
              while (tid == 0) usleep(1000);
              const std::string path = "/proc/self/task/" + std::to_string(tid) + "/comm";
              Fd fd(open(path.c_str(), O_RDWR));
              const bool written = write(fd.get(), "worker", 6) == 6;
              const bool seen = ReadFile(path) == "worker\n";
              done = 1;
              thread.join();
              if (!written || !seen) return 100;
              return std::string(name.c_str()) == "worker" ? 0 : 101;
            }));
}
TEST_F(Proc, CommOfAnotherProcessIsNotWritten) {
  const std::string path = OwnFolder() + "/comm";
  EXPECT_EQ(0, InChild([&] {
              Fd fd(open(path.c_str(), O_WRONLY));
              if (!fd) return 100;
              return write(fd.get(), "stolen", 6) < 0 && errno == EINVAL ? 0 : 101;
            }));
}
TEST_F(Proc, CommOfAnotherUserIsNotOpenedForWriting) {
  const std::string path = OwnFolder() + "/comm";
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return ErrnoOf(open(path.c_str(), O_WRONLY)); }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return ErrnoOf(access(path.c_str(), W_OK)); }));
}
TEST_F(Proc, OpenFileOfItsOwnIsNamed) {
  Fd fd(open("/proc/self/comm", O_WRONLY));
  EXPECT_EQ(OwnFolder() + "/comm", LinkAt("/proc/self/fd/" + std::to_string(fd.get())));
}
TEST_F(Proc, OpenFileLeadsNowhereElse) {
  Fd fd(open("/proc/self/comm", O_WRONLY));
  const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  EXPECT_ERRNO(ENOTDIR, openat(fd.get(), "../status", O_RDONLY));
  EXPECT_ERRNO(ENOTDIR, open((link + "/../status").c_str(), O_RDONLY));
  EXPECT_ERRNO(ENOTDIR, fchdir(fd.get()));
  Fd again(open(link.c_str(), O_RDONLY));
  EXPECT_EQ(ReadFile("/proc/self/comm"), ReadAll(again.get()));
}
TEST_F(Proc, OomScoreIsRaisedAndNotLowered) {
  EXPECT_EQ(0, As({}, [] {
              prctl(PR_SET_DUMPABLE, 1);
              const char kFile[] = "/proc/self/oom_score_adj";
              Fd fd(open(kFile, O_RDWR));
              if (write(fd.get(), "900", 3) != 3) return 100;
              if (ReadFile(kFile) != "900\n") return 101;
              if (write(fd.get(), "-900", 4) >= 0 || errno != EACCES) return 102;
              if (write(fd.get(), "2000", 4) >= 0 || errno != EINVAL) return 103;
              return ReadFile(kFile) == "900\n" ? 0 : 104;
            }));
}
TEST_F(Proc, OomScoreIsInherited) {
  EXPECT_EQ(
      0, InChild([] {
        WriteFile("/proc/self/oom_score_adj", "800");
        return InChild([] { return ReadFile("/proc/self/oom_score_adj") == "800\n" ? 0 : 1; });
      }));
}
TEST_F(Proc, TimerSlackIsWritten) {
  EXPECT_EQ(0, InChild([] {
              WriteFile("/proc/self/timerslack_ns", "70000");
              return prctl(PR_GET_TIMERSLACK) == 70000 ? 0 : 100;
            }));
}
TEST_F(Proc, CoredumpFilterIsWritten) {
  EXPECT_EQ(0, InChild([] {
              WriteFile("/proc/self/coredump_filter", "0x7");
              return ReadFile("/proc/self/coredump_filter") == "00000007\n" ? 0 : 100;
            }));
}
TEST_F(Proc, ReferencesAreCleared) {
  const Fd fd(open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(fd);
  EXPECT_EQ(1, write(fd.get(), "1", 1));
  EXPECT_ERRNO(EINVAL, write(fd.get(), "9", 1));
}
TEST_F(Proc, MemoryIsReadAndWrittenByAddress) {
  const Fd fd(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(fd);
  volatile char bytes[] = "before";
  const auto at = std::bit_cast<off_t>(&bytes);
  char read[sizeof bytes] = {};
  EXPECT_EQ(6, pread(fd.get(), read, 6, at));
  EXPECT_STREQ("before", read);
  EXPECT_EQ(5, pwrite(fd.get(), "after", 5, at));
  EXPECT_EQ('a', bytes[0]);
}
TEST_F(Proc, PageMapTellsWhatIsThere) {
  const Fd fd(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(fd);
  volatile char byte = 1;
  uint64_t entry = 0;
  const auto page = static_cast<off_t>(std::bit_cast<uint64_t>(&byte) / 4096);
  ASSERT_EQ(8, pread(fd.get(), &entry, sizeof entry, page * 8));
  EXPECT_NE(0u, entry >> 63);
}
TEST_F(Proc, IdMapsThatAreWrittenStay) {
  for (const char* name : {"uid_map", "gid_map", "setgroups"}) {
    Fd fd(open((std::string("/proc/self/") + name).c_str(), O_RDWR));
    EXPECT_TRUE(fd) << name;
    const std::string text = std::string(name) == "setgroups" ? "deny" : "0 0 1\n";
    EXPECT_ERRNO(EPERM, write(fd.get(), text.data(), text.size())) << name;
    EXPECT_FALSE(ReadAll(fd.get()).empty()) << name;
  }
}
TEST_F(Proc, FileForReadingIsNotWritten) {
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return ErrnoOf(open("/proc/self/status", O_WRONLY)); }));
}
TEST_F(Proc, CmdlineAndEnvironAreSeparatedByNul) {
  EXPECT_EQ(0u, ReadFile("/proc/self/cmdline").find("/conformance/bin/conformance\0"));
  const Ran ran = ExecuteBy([] {
    char* const argv[] = {const_cast<char*>("cat"), const_cast<char*>("/proc/self/environ"),
                          nullptr};
    char* const envp[] = {const_cast<char*>("A=1"), const_cast<char*>("B=2"), nullptr};
    execve("/bin/cat", argv, envp);
  });
  EXPECT_EQ(std::string("A=1\0B=2\0", 8), ran.output);
}
TEST_F(Proc, MapsNameTheProgramAndTheStack) {
  const std::string maps = ReadFile("/proc/self/maps");
  EXPECT_NE(std::string::npos, maps.find("/conformance/bin/conformance\n"));
  EXPECT_NE(std::string::npos, maps.find("[stack]\n"));
  EXPECT_NE(std::string::npos, maps.find("[vdso]\n"));
}
TEST_F(Proc, MapsOfDynamicProgramNameItsLibraries) {
  const Ran ran = ExecuteBy([] { execl("/bin/cat", "cat", "/proc/self/maps", nullptr); });
  EXPECT_NE(std::string::npos, ran.output.find("/libc.so.6\n"));
  EXPECT_NE(std::string::npos, ran.output.find("/ld-linux-x86-64.so.2\n"));
  EXPECT_NE(std::string::npos, ran.output.find("/bin/cat\n"));
}
TEST_F(Proc, SmapsRollupSumsUp) {
  EXPECT_NE("missing", Field("/proc/self/smaps_rollup", "Rss"));
  EXPECT_NE("missing", Field("/proc/self/smaps", "Size"));
}
TEST_F(Proc, LimitsTellTheDescriptorLimit) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::string limits = ReadFile("/proc/self/limits");
  const size_t at = limits.find("Max open files");
  ASSERT_NE(std::string::npos, at);
  EXPECT_NE(std::string::npos,
            limits.substr(at, 60).find(" " + std::to_string(limit.rlim_cur) + " "));
}
TEST_F(Proc, TaskListsThreads) {
  std::thread thread([] { usleep(200000); });
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    EXPECT_TRUE(Exists(entry.path().string() + "/status"));
    ++count;
  }
  EXPECT_EQ(2, count);
  thread.join();
}
TEST_F(Proc, TaskFolderHasALinkForEachThread) {
  EXPECT_EQ(3u, StatOf("/proc/self/task").st_nlink);
  std::thread thread([] { usleep(200000); });
  EXPECT_EQ(4u, StatOf("/proc/self/task/").st_nlink);
  thread.join();
}
TEST_F(Proc, LinksOfAnotherProcess) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const std::string folder = "/proc/" + std::to_string(child);
  EXPECT_EQ("/conformance/bin/conformance", LinkAt(folder + "/exe"));
  EXPECT_EQ(dir(), LinkAt(folder + "/cwd"));
  EXPECT_EQ("/", LinkAt(folder + "/root"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
TEST_F(Proc, LinksOfAnotherUsersProcessAreRefused) {
  const std::string exe = OwnFolder() + "/exe";
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] {
                       char target[16];
                       return ErrnoOf(readlink(exe.c_str(), target, sizeof target));
                     }));
  EXPECT_CHILD_ERRNO(
      EACCES, As({}, [] {
        return ErrnoOf(open(("/proc/" + std::to_string(getppid()) + "/environ").c_str(), O_RDONLY));
      }));
}
TEST_F(Proc, RootThroughProcIsTheContainersRoot) {
  EXPECT_EQ(StatOf("/etc").st_ino, StatOf("/proc/self/root/etc").st_ino);
  EXPECT_EQ(StatOf("/etc").st_ino, StatOf("/proc/1/root/etc").st_ino);
}
TEST_F(Proc, MountsNameTheRoot) {
  EXPECT_NE(std::string::npos, ReadFile("/proc/self/mounts").find(" / "));
  EXPECT_NE(std::string::npos, ReadFile("/proc/self/mountinfo").find(" / / "));
  EXPECT_NE(std::string::npos, ReadFile("/proc/mounts").find(" /proc proc "));
}
TEST_F(Proc, SystemFilesAreSane) {
  EXPECT_NE("missing", Field("/proc/meminfo", "MemTotal"));
  EXPECT_NE("missing", Field("/proc/meminfo", "MemAvailable"));
  EXPECT_NE(std::string::npos, ReadFile("/proc/cpuinfo").find("processor\t: 0\n"));
  EXPECT_EQ(0u, ReadFile("/proc/stat").find("cpu  "));
  EXPECT_NE(std::string::npos, ReadFile("/proc/stat").find("\nbtime "));
  EXPECT_EQ(0u, ReadFile("/proc/version").find("Linux version "));
  EXPECT_NE(std::string::npos, ReadFile("/proc/filesystems").find("proc\n"));
  EXPECT_NE(std::string::npos, ReadFile("/proc/loadavg").find('/'));
}
TEST_F(Proc, SysinfoAgrees) {
  struct sysinfo info {};
  ASSERT_SUCCESS(sysinfo(&info));
  const auto kilobytes = static_cast<unsigned long>(info.totalram / 1024 * info.mem_unit);
  EXPECT_EQ(std::to_string(kilobytes) + " kB", Field("/proc/meminfo", "MemTotal"));
  EXPECT_LE(info.freeram, info.totalram);
  EXPECT_LT(0u, info.procs);
  EXPECT_NEAR(std::stod(ReadFile("/proc/uptime")), static_cast<double>(info.uptime), 2);
  EXPECT_ERRNO(EFAULT, syscall(SYS_sysinfo, 8));
}
TEST_F(Proc, UptimeGrowsWhenReadAgain) {
  Fd fd(open("/proc/uptime", O_RDONLY));
  char first[64] = "", second[64] = "";
  EXPECT_GT(read(fd.get(), first, sizeof first - 1), 0);
  usleep(60000);
  EXPECT_EQ(0, lseek(fd.get(), 0, SEEK_SET));
  EXPECT_GT(read(fd.get(), second, sizeof second - 1), 0);
  EXPECT_LT(atof(first), atof(second));
}
TEST_F(Proc, KernelSettingsCanBeRead) {
  EXPECT_EQ("Linux\n", ReadFile("/proc/sys/kernel/ostype"));
  EXPECT_FALSE(ReadFile("/proc/sys/kernel/osrelease").empty());
  EXPECT_GT(atoi(ReadFile("/proc/sys/kernel/pid_max").c_str()), 300);
  EXPECT_GT(atoi(ReadFile("/proc/sys/fs/pipe-max-size").c_str()), 4095);
  EXPECT_FALSE(ReadFile("/proc/sys/vm/overcommit_memory").empty());
  EXPECT_EQ(37u, ReadFile("/proc/sys/kernel/random/boot_id").size());
  EXPECT_NE(ReadFile("/proc/sys/kernel/random/uuid"), ReadFile("/proc/sys/kernel/random/uuid"));
}
TEST_F(Proc, HostnameSettingIsTheHostname) {
  char name[256] = "";
  gethostname(name, sizeof name);
  EXPECT_EQ(std::string(name) + "\n", ReadFile("/proc/sys/kernel/hostname"));
}
std::set<std::string> NamesIn(const std::string& path) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    names.insert(entry.path().filename());
  }
  EXPECT_FALSE(error) << path;
  return names;
}
// Others come and go on a machine.
TEST_F(Proc, InterfacesHaveSettings) {
  const auto conf = NamesIn("/proc/sys/net/ipv4/conf"), neigh = NamesIn("/proc/sys/net/ipv4/neigh");
  for (const char* name : {"all", "default", "lo"}) {
    EXPECT_TRUE(conf.contains(name)) << name;
    EXPECT_EQ(name != std::string("all"), neigh.contains(name)) << name;
    const std::string path = std::string("/proc/sys/net/ipv4/conf/") + name + "/forwarding";
    const std::string forwarding = ReadFile(path);
    EXPECT_TRUE(forwarding == "0\n" || forwarding == "1\n") << name << ": " << forwarding;
  }
  EXPECT_EQ(ReadFile("/proc/sys/net/ipv4/ip_forward"),
            ReadFile("/proc/sys/net/ipv4/conf/all/forwarding"));
}
TEST_F(Proc, SettingsOfAllInterfacesAndOfNewOnesHaveTheSameNames) {
  for (const std::string top : {"/proc/sys/net/ipv4/conf/", "/proc/sys/net/ipv6/conf/"}) {
    EXPECT_EQ(NamesIn(top + "all"), NamesIn(top + "default"));
    EXPECT_EQ(NamesIn(top + "all"), NamesIn(top + "lo"));
    const std::filesystem::path lo = top + "lo";
    for (const std::string& name : NamesIn(lo)) {
      if (name == "stable_secret") continue;
      EXPECT_FALSE(ReadFile(lo / name).empty()) << name;
      EXPECT_EQ(name == "mc_forwarding" ? 0444u : 0644u, ModeOf(lo / name)) << name;
    }
  }
}
TEST_F(Proc, TableOfNeighboursHasSettings) {
  for (const std::string top : {"/proc/sys/net/ipv4/neigh/", "/proc/sys/net/ipv6/neigh/"}) {
    EXPECT_FALSE(ReadFile(top + "default/gc_thresh1").empty());
    EXPECT_FALSE(ReadFile(top + "lo/locktime").empty());
  }
}
TEST_F(Proc, FilesAreRegularAndEmptyToStat) {
  for (const char* path : {"/proc/self/status", "/proc/meminfo", "/proc/self/maps"}) {
    EXPECT_TRUE(S_ISREG(StatOf(path).st_mode)) << path;
    EXPECT_EQ(0, StatOf(path).st_size) << path;
    EXPECT_EQ(0444u, ModeOf(path)) << path;
  }
  EXPECT_TRUE(S_ISDIR(StatOf("/proc").st_mode));
  EXPECT_TRUE(S_ISDIR(StatOf("/proc/self/").st_mode));
  EXPECT_TRUE(S_ISLNK(StatOf("/proc/self").st_mode));
}
TEST_F(Proc, StatAndOpenAgree) {
  Fd fd(open("/proc/self/status", O_RDONLY));
  struct stat opened {};
  ASSERT_SUCCESS(fstat(fd.get(), &opened));
  EXPECT_TRUE(S_ISREG(opened.st_mode));
  EXPECT_EQ(StatOf("/proc/self/status").st_dev, opened.st_dev);
}
TEST_F(Proc, CannotBeChanged) {
  EXPECT_NE(0, ErrnoOf(open("/proc/new", O_CREAT | O_WRONLY, 0644)));
  EXPECT_NE(0, ErrnoOf(mkdir("/proc/new", 0755)));
  EXPECT_NE(0, ErrnoOf(unlink("/proc/meminfo")));
  EXPECT_NE(0, ErrnoOf(rename("/proc/meminfo", "/proc/x")));
}
TEST_F(Proc, RelativeAndDescriptorWalksGetThere) {
  Fd base(open("/proc", O_RDONLY | O_DIRECTORY));
  EXPECT_TRUE(Fd(openat(base.get(), "self/status", O_RDONLY)).valid());
  ASSERT_SUCCESS(chdir("/"));
  EXPECT_TRUE(Fd(open("proc/self/status", O_RDONLY)).valid());
  EXPECT_TRUE(Fd(open("etc/../proc/self/status", O_RDONLY)).valid());
  ASSERT_SUCCESS(chdir(dir().c_str()));
  ASSERT_SUCCESS(symlink("/proc/self/status", "link"));
  EXPECT_TRUE(Fd(open("link", O_RDONLY)).valid());
}
TEST_F(Proc, DotDotLeadsOutOfIt) {
  EXPECT_EQ(StatOf("/etc").st_ino, StatOf("/proc/../etc").st_ino);
  EXPECT_EQ(StatOf("/etc").st_ino, StatOf("/proc/self/../../etc").st_ino);
  Fd base(open("/proc/self", O_RDONLY | O_DIRECTORY));
  struct stat attributes {};
  EXPECT_SUCCESS(fstatat(base.get(), "../../etc", &attributes, 0));
  EXPECT_EQ(StatOf("/etc").st_ino, attributes.st_ino);
}
TEST_F(Proc, NamespaceLinksNameKinds) {
  for (const char* kind : {"mnt", "pid", "net", "uts", "ipc", "user"}) {
    EXPECT_EQ(0u, LinkAt(std::string("/proc/self/ns/") + kind).find(std::string(kind) + ":["));
  }
}
TEST_F(Proc, OomScoreAdjCanBeRead) {
  const std::string text = ReadFile("/proc/self/oom_score_adj");
  EXPECT_FALSE(text.empty());
  EXPECT_GE(atoi(text.c_str()), -1000);
}
TEST_F(Proc, NetworkFilesAreThere) {
  EXPECT_NE(std::string::npos, ReadFile("/proc/net/dev").find("lo:"));
  EXPECT_NE(std::string::npos, ReadFile("/proc/self/net/tcp").find("local_address"));
  EXPECT_EQ("self/net", LinkAt("/proc/net"));
}
TEST_F(Proc, SysTellsTheProcessors) {
  EXPECT_EQ(0u, ReadFile("/sys/devices/system/cpu/online").find('0'));
  EXPECT_TRUE(Exists("/sys/devices/system/cpu/possible"));
}

}  // namespace
}  // namespace moat::conformance
