// Launch with the real sentry and gofer, as root: it works, it leaves nothing behind when a step
// fails, and how long it takes.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "platform/seccomp_notify/install_filter.h"
#include "policies/compiler/filter_compiler.h"
#include "policies/container/builtin.h"
#include "policies/container/parse_policy.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/launcher.h"
#include "runtime/spec/parse.h"
#include "runtime/spec/template.h"
#include "sentry/syscalls/call_policy.h"

namespace moat::launch {
namespace {

std::set<std::string> List(const std::string& directory) {
  std::set<std::string> names;
  DIR* stream = ::opendir(directory.c_str());
  if (!stream) return names;
  while (const dirent* entry = ::readdir(stream)) names.insert(entry->d_name);
  ::closedir(stream);
  return names;
}

Filter TestFilter() {
  Filter filter;
  filter.cookie = 0x1234567890abcdef;
  const policies::Policy policy = *policies::PolicyOfName("default");
  filter.policy = policies::SavedPolicy(policy);
  policies::FilterSpec spec =
      sentry::CallPolicy::Create(policy)->ToFilterSpec(sentry::Refusals::kTold);
  spec.cookie = filter.cookie;
  filter.program = policies::Compile(spec).value();
  return filter;
}

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    char name[] = "/tmp/moat-launch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    state_dir_ = name;
    spec_ = spec::Parse(spec::TemplateConfig({})).value();
    spec_.process->terminal = false;
    spec_.process->args = {"/bin/true"};
    spec_.root.readonly = false;
    plan_.directories = {{"/tmp", 01777}, {"/proc", 0555}, {"/sys", 0555}, {"/dev", 0755}};
    plan_.symlinks = {{"/bin", "usr/bin"}, {"/lib", "usr/lib"}, {"/lib64", "usr/lib64"}};
    plan_.overlays = {{"/usr", "/usr", {}}, {"/etc", "/etc", {"shadow"}}};
  }
  void TearDown() override {
    if (!state_dir_.empty()) ::rmdir(state_dir_.c_str());
  }

  LaunchRequest Request() {
    return {.spec = spec_,
            .id = absl::StrCat("launch-test-", ::getpid()),
            .bundle = "/",
            .state_dir = state_dir_,
            .programs = {MOAT_SENTRY_PROGRAM, MOAT_GOFER_PROGRAM, MOAT_LOADER_PROGRAM,
                         MOAT_RESOLVER_PROGRAM},
            .root_plan = plan_,
            .die_with_parent = true};
  }

  // Nothing of a launch is left: no child, no file, no control group, no mount, no descriptor.
  void ExpectNothingLeft(size_t descriptors) {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1) << "a child is left";
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(List(state_dir_), (std::set<std::string>{".", ".."}));
    EXPECT_EQ(List("/sys/fs/cgroup/memory/moat").count(Request().id), 0u);
    EXPECT_EQ(List("/proc/self/fd").size(), descriptors);
  }

  std::string state_dir_;
  spec::Spec spec_;
  rootfs::RootPlan plan_;
};

TEST_F(LaunchTest, RunsAProgram) {
  const size_t descriptors = List("/proc/self/fd").size();
  const absl::Time begin = absl::Now();
  absl::StatusOr<Launched> launched = Launch(Request());
  ASSERT_TRUE(launched.ok()) << launched.status();
  const absl::Time created = absl::Now();
  EXPECT_EQ(QueryState(launched->control.get()).value(), "created");
  const absl::Status started = Start(launched->control.get());
  EXPECT_TRUE(started.ok()) << started;
  int status = -1;
  ASSERT_EQ(::waitpid(launched->init_pid, &status, __WALL), launched->init_pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  launched->init_pidfd.Reset();
  std::printf("launch %s, start to exit %s\n", absl::FormatDuration(created - begin).c_str(),
              absl::FormatDuration(absl::Now() - created).c_str());
  Abandon(*launched);
  launched->uppers.clear();
  ::unlink((state_dir_ + "/control.sock").c_str());
  ExpectNothingLeft(descriptors);
}

// Runs `command` in a shell of the container and returns its exit status.
class LaunchShellTest : public LaunchTest {
 protected:
  int Run(const std::string& command) {
    spec_.process->args = {"/bin/sh", "-c", command};
    absl::StatusOr<Launched> launched = Launch(Request());
    if (!launched.ok()) {
      ADD_FAILURE() << launched.status();
      return -1;
    }
    const absl::Status started = Start(launched->control.get());
    EXPECT_TRUE(started.ok()) << started;
    int status = -1;
    ::waitpid(launched->init_pid, &status, __WALL);
    launched->init_pidfd.Reset();
    Abandon(*launched);
    ::unlink((state_dir_ + "/control.sock").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
};

TEST_F(LaunchShellTest, MapsIds) {
  spec_.linux_config.uid_mappings = {{0, 100000, 65536}};
  spec_.linux_config.gid_mappings = {{0, 100000, 65536}};
  EXPECT_EQ(Run("test \"$(id -u)\" = 0 && test -c /dev/null && echo x > /dev/shm/x"), 0);
}

TEST_F(LaunchShellTest, TakesTheUserOn) {
  spec_.process->user = {.uid = 1000, .gid = 1001, .umask = 027, .additional_gids = {5, 7}};
  EXPECT_EQ(Run("test \"$(id -u) $(id -g) $(umask)\" = '1000 1001 0027' && id -G | grep -q 7"), 0);
}

TEST_F(LaunchShellTest, GivesATerminal) {
  spec_.process->terminal = true;
  EXPECT_EQ(Run("test -t 0 && test -t 1 && test -c /dev/console"), 0);
}

TEST_F(LaunchShellTest, HidesWhatThePlanHides) {
  EXPECT_EQ(Run("test -e /etc/passwd && ! test -e /etc/shadow"), 0);
}

TEST_F(LaunchTest, NamesAMissingProgram) {
  spec_.process->args = {"no-such-program"};
  const absl::StatusOr<Launched> launched = Launch(Request());
  EXPECT_EQ(StatusErrno(launched.status()), ENOENT) << launched.status();
  EXPECT_TRUE(IsCommandFault(launched.status())) << launched.status();
}

TEST_F(LaunchTest, AMissingDirectoryIsNotTheCommandsFault) {
  spec_.process->cwd = "/no/such";
  LaunchRequest request = Request();
  request.cwd_option = "--cwd";
  const absl::StatusOr<Launched> launched = Launch(request);
  EXPECT_EQ(launched.status().message(),
            "chdir --cwd /no/such: ENOENT (No such file or directory)");
  EXPECT_FALSE(IsCommandFault(launched.status()));
}

TEST_F(LaunchTest, TellsOfItsGroupsBeforeItStartsAProcess) {
  std::vector<std::string> planned, made;
  LaunchRequest request = Request();
  request.on_groups = [&](GroupsAre are, const std::vector<std::string>& paths) -> absl::Status {
    (are == GroupsAre::kPlanned ? planned : made) = paths;
    if (are == GroupsAre::kPlanned) return absl::OkStatus();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1) << "a child is there already";
    return absl::AbortedError("enough");
  };
  EXPECT_EQ(Launch(request).status().message(), "enough");
  EXPECT_FALSE(planned.empty());
  EXPECT_THAT(made, testing::IsSubsetOf(planned));
}

TEST_F(LaunchTest, LeavesNothingBehindWhicheverStepFails) {
  const size_t descriptors = List("/proc/self/fd").size();
  const Filter filter = TestFilter();
  const std::vector<std::string> steps = {
      "check request",    "open pids",         "open programs",
      "make groups",      "start root",        "listen",
      "start sentry",     "start gofer",       "start init",
      "await root",       "boot sentry",       "boot gofer",
      "make init",        "become root",       "set up namespaces",
      "take descriptors", "send prepared",     "await init",
      "mount queues",     "await supervisors", "install filter",
      "limit init",       "attach sentry",     "finish",
      "await created",    "limit pids",        "tie"};
  for (const std::string& failing : steps) {
    SCOPED_TRACE(failing);
    const LaunchRequest request = Request();
    const absl::StatusOr<Launched> launched =
        Launcher(request, filter, [&failing](absl::string_view step) {
          return step == failing ? absl::AbortedError("injected") : absl::OkStatus();
        }).Run();
    EXPECT_FALSE(launched.ok());
    EXPECT_NE(std::string(launched.status().message()).find("injected"), std::string::npos)
        << launched.status();
    ExpectNothingLeft(descriptors);
  }
}

}  // namespace
}  // namespace moat::launch
