#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "runtime/hooks/hook_state.h"
#include "runtime/hooks/run_hooks.h"
#include "runtime/hooks/saved_hooks.h"

namespace moat::hooks {
namespace {

using testing::AllOf;
using testing::HasSubstr;

spec::Hook Shell(const std::string& script) { return {"/bin/sh", {"sh", "-c", script}, {}, {}}; }

class RunHooksTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/moat-hooks-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    surroundings_.state = "{\"id\":\"x\"}";
    surroundings_.directory = folder_;
    surroundings_.environment = {"PATH=/usr/bin:/bin", "NAME=own"};
  }
  void TearDown() override {
    for (const char* name : {"out", "hooks.json"}) ::unlink((folder_ + "/" + name).c_str());
    ::rmdir(folder_.c_str());
  }
  std::string Output() const { return ReadFile(folder_ + "/out", 1 << 22).value_or("none"); }
  absl::Status Run(const std::vector<spec::Hook>& hooks) {
    return RunHooks("hooks.prestart", hooks, surroundings_);
  }

  std::string folder_;
  HookSurroundings surroundings_;
};

TEST_F(RunHooksTest, StateIsOnStandardInput) {
  EXPECT_TRUE(Run({Shell("cat > out")}).ok());
  EXPECT_EQ(Output(), surroundings_.state);
}

TEST_F(RunHooksTest, LongStatePassesAPipe) {
  surroundings_.state = std::string(1 << 20, 'x');
  EXPECT_TRUE(Run({Shell("sleep 0.1; cat > out")}).ok());
  EXPECT_EQ(Output(), surroundings_.state);
}

TEST_F(RunHooksTest, AHookNeedNotReadItsState) {
  surroundings_.state = std::string(1 << 20, 'x');
  EXPECT_TRUE(Run({Shell("exec <&-; sleep 0.1")}).ok());
}

TEST_F(RunHooksTest, OneAfterTheOther) {
  EXPECT_TRUE(Run({Shell("sleep 0.1; echo 1 >> out"), Shell("echo 2 >> out")}).ok());
  EXPECT_EQ(Output(), "1\n2\n");
}

TEST_F(RunHooksTest, ArgumentsAndEnvironment) {
  spec::Hook hook = {"/bin/sh", {"name", "-c", "echo $0 $NAME > out", "zero"}, {"NAME=given"}, {}};
  EXPECT_TRUE(Run({hook}).ok());
  EXPECT_EQ(Output(), "zero given\n");
  hook.env.clear();
  EXPECT_TRUE(Run({hook}).ok());
  EXPECT_EQ(Output(), "zero own\n");
}

TEST_F(RunHooksTest, FailureNamesTheHookAndSaysWhatItSaid) {
  const absl::Status status =
      Run({Shell("true"), Shell("echo no room; exit 3"), Shell("true>out")});
  EXPECT_EQ(status.message(), "hooks.prestart[1] /bin/sh: exit status 3: no room");
  EXPECT_EQ(Output(), "none");
}

TEST_F(RunHooksTest, SignalsCount) {
  EXPECT_THAT(Run({Shell("kill -9 $$")}).message(), HasSubstr("signal 9"));
}

TEST_F(RunHooksTest, MissingProgram) {
  const absl::Status status = Run({{"/no/such/hook", {}, {}, {}}});
  EXPECT_EQ(StatusErrno(status), ENOENT);
  EXPECT_THAT(status.message(), HasSubstr("hooks.prestart[0] /no/such/hook"));
}

TEST_F(RunHooksTest, TimeoutKillsTheWholeGroup) {
  spec::Hook hook = Shell("sleep 1000 & echo $! > out; wait");
  hook.timeout = 1;
  const absl::Time start = absl::Now();
  EXPECT_THAT(Run({hook}).message(), HasSubstr("timeout of 1 s"));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  const pid_t below = std::stoi(Output());
  for (int i = 0; i < 100 && ::kill(below, 0) == 0; ++i) {
    const auto stat = ReadFile(absl::StrCat("/proc/", below, "/stat"), 4096);
    if (!stat.ok() || stat->find(") Z") != std::string::npos) return;
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_NE(::kill(below, 0), 0);
}

TEST_F(RunHooksTest, WhatIsLeftRunningIsNotWaitedFor) {
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Run({Shell("sleep 10 & echo $! > out")}).ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  ::kill(std::stoi(Output()), SIGKILL);
}

TEST_F(RunHooksTest, NoDescriptorOfOursGetsIn) {
  EXPECT_TRUE(Run({Shell("ls /proc/self/fd | tr '\\n' ' ' > out")}).ok());
  // ls has one of its own, for the directory.
  EXPECT_EQ(Output(), "0 1 2 3 ");
}

TEST_F(RunHooksTest, SavedHooksComeBack) {
  spec::Hooks hooks;
  EXPECT_TRUE(SaveHooks(folder_, hooks).ok());
  EXPECT_TRUE(LoadHooks(folder_)->empty());
  hooks.prestart = {Shell("not saved")};
  hooks.poststart = {Shell("a")};
  hooks.poststop = {Shell("b"), {"/x", {}, {"K=\"v\""}, 7}};
  ASSERT_TRUE(SaveHooks(folder_, hooks).ok());
  const auto loaded = LoadHooks(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->prestart.empty());
  ASSERT_EQ(loaded->poststart.size(), 1u);
  EXPECT_EQ(loaded->poststart[0].args, hooks.poststart[0].args);
  ASSERT_EQ(loaded->poststop.size(), 2u);
  EXPECT_EQ(loaded->poststop[1].path, "/x");
  EXPECT_EQ(loaded->poststop[1].env, hooks.poststop[1].env);
  EXPECT_EQ(loaded->poststop[1].timeout, 7);
}

TEST_F(RunHooksTest, EveryPoststopHookRuns) {
  spec::Hooks hooks;
  hooks.poststop = {Shell("exit 1"), Shell("cat > out")};
  RunPoststop(hooks, {"id", folder_, {{"key", "value"}}});
  const auto state = nlohmann::json::parse(Output(), nullptr, false);
  EXPECT_EQ(state.value("status", ""), "stopped");
  EXPECT_EQ(state.value("id", ""), "id");
  EXPECT_EQ(state["annotations"]["key"], "value");
  EXPECT_FALSE(state.contains("pid"));
}

}  // namespace
}  // namespace moat::hooks
