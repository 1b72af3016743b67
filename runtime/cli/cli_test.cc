#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cli/command_line.h"
#include "runtime/cli/context.h"
#include "runtime/cli/do_flags.h"
#include "runtime/cli/exec_flags.h"
#include "runtime/cli/foreign_command.h"
#include "runtime/cli/values.h"

namespace moat::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Values, Sizes) {
  EXPECT_EQ(*ParseSize("512M"), 512 << 20);
  EXPECT_EQ(*ParseSize("1g"), 1 << 30);
  EXPECT_EQ(*ParseSize("2GiB"), int64_t{2} << 30);
  EXPECT_EQ(*ParseSize("64kb"), 64 << 10);
  EXPECT_EQ(*ParseSize("4096"), 4096);
  EXPECT_EQ(*ParseSize("10b"), 10);
  for (const char* bad : {"", "M", "0", "-1M", "1.5G", "1X", "1MM", "1bb", "9999999999G", " 1M"}) {
    EXPECT_FALSE(ParseSize(bad).ok()) << bad;
  }
}

TEST(Values, Durations) {
  EXPECT_EQ(*ParseDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("2"), absl::Seconds(2));
  for (const char* bad : {"", "0", "0s", "-1s", "10x", "inf", "nan", "1e300"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
}

TEST(Values, Processors) {
  EXPECT_EQ(*ParseCpuQuota("1.5"), 150000);
  EXPECT_EQ(*ParseCpuQuota("0.01"), 1000);
  for (const char* bad : {"", "0", "-1", "nan", "inf", "two"}) {
    EXPECT_FALSE(ParseCpuQuota(bad).ok()) << bad;
  }
}

TEST(Values, Volumes) {
  const auto volume = ParseVolume("/usr/../tmp:/data:ro");
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->source, "/tmp");
  EXPECT_EQ(volume->destination, "/data");
  EXPECT_TRUE(volume->readonly);
  EXPECT_FALSE(ParseVolume("/tmp:/data")->readonly);
  for (const char* bad : {"", "/tmp", "/tmp:data", ":/data", "/tmp:/data:rx", "/tmp:/a:ro:ro",
                          "/does/not/exist:/data"}) {
    EXPECT_FALSE(ParseVolume(bad).ok()) << bad;
  }
}

TEST(CommandLine, TakesGoFlags) {
  const std::set<std::string> names = {"no-subreaper", "log", "b"};
  EXPECT_THAT(NormalizeGoFlags({"-log=x", "run", "-no-subreaper", "-b", "-x", "id"}, names),
              ElementsAre("--log=x", "run", "--no-subreaper", "-b", "-x", "id"));
  EXPECT_THAT(NormalizeGoFlags({"kill", "--", "-log"}, names), ElementsAre("kill", "--", "-log"));
}

using Words = std::vector<std::string>;

class CutTest : public testing::Test {
 protected:
  CutTest() {
    app_.add_option("--root", root_);
    CLI::App* command = app_.add_subcommand("do");
    command->add_option("--env", env_);
    command->add_flag("--tty", tty_);
    command->add_flag("--trace{-}", trace_);
    app_.add_subcommand("list");
    app_.add_subcommand("run")->add_option("-p,--process", process_);
  }
  CutArguments Cut(const Words& words) { return CutForeignCommand(app_, {"do", "run"}, words); }

  CLI::App app_;
  std::string root_, trace_, process_;
  Words env_;
  bool tty_ = false;
};

TEST_F(CutTest, LeavesTheCommandUnchanged) {
  const Words command = {"printf", "[%s]", "[a,b]", "--", "-x", "--tty",
                         "a=b",    "",     "\"q\"", "\\", "{}", "%%"};
  Words marked = {"do", "--tty", "--"}, plain = {"do", "--tty"};
  marked.insert(marked.end(), command.begin(), command.end());
  plain.insert(plain.end(), command.begin(), command.end());
  EXPECT_EQ(Cut(marked).foreign, command);
  EXPECT_EQ(Cut(plain).foreign, command);
  EXPECT_THAT(Cut(marked).own, ElementsAre("do", "--tty"));
}

TEST_F(CutTest, KnowsWhichFlagsHaveAValue) {
  EXPECT_THAT(Cut({"--root", "do", "do", "--env", "A=[1]", "ls"}).own,
              ElementsAre("--root", "do", "do", "--env", "A=[1]"));
  EXPECT_THAT(Cut({"do", "--env=A", "ls", "-l"}).foreign, ElementsAre("ls", "-l"));
  EXPECT_THAT(Cut({"do", "--trace", "ls", "-l"}).foreign, ElementsAre("ls", "-l"));
  EXPECT_THAT(Cut({"do", "--trace=f", "ls"}).own, ElementsAre("do", "--trace=f"));
  EXPECT_THAT(Cut({"do", "-", "ls"}).foreign, ElementsAre("-", "ls"));
}

TEST_F(CutTest, TakesLongFlagsWithOneDash) {
  EXPECT_THAT(Cut({"-root", "r", "run", "-process", "p", "id", "ls", "-root"}).foreign,
              ElementsAre("id", "ls", "-root"));
  EXPECT_THAT(Cut({"run", "-p", "p", "id"}).foreign, ElementsAre("id"));
}

TEST_F(CutTest, EndsWithTheWords) {
  EXPECT_THAT(Cut({"do"}).foreign, ElementsAre());
  EXPECT_THAT(Cut({"do", "--"}).foreign, ElementsAre());
  EXPECT_THAT(Cut({"do", "--env"}).own, ElementsAre("do", "--env"));
  EXPECT_THAT(Cut({"list", "do", "--", "x"}).own, ElementsAre("list", "do", "--", "x"));
}

TEST(ExitCode, IsKeptInTheStatus) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(WithExitCode(absl::InternalError("x"), 127)), 127);
}

TEST(ExecFlags, UsersAreNumbers) {
  spec::User user;
  user.gid = 5;
  EXPECT_TRUE(ParseUser("7", user).ok());
  EXPECT_EQ(user.uid, 7u);
  EXPECT_EQ(user.gid, 5u);
  EXPECT_TRUE(ParseUser("0:4294967294", user).ok());
  EXPECT_EQ(user.uid, 0u);
  EXPECT_EQ(user.gid, 4294967294u);
  for (const char* bad : {"", ":", "1:", ":1", "+1", "-1", " 1", "1 ", "0x1", "1:2:3", "root",
                          "4294967295", "4294967296", "99999999999999999999"}) {
    EXPECT_FALSE(ParseUser(bad, user).ok()) << bad;
  }
  EXPECT_EQ(user.gid, 4294967294u);
}

class ExecFlagsTest : public testing::Test {
 protected:
  ExecFlagsTest() {
    container_.cwd = "/srv";
    container_.args = {"server"};
    container_.terminal = true;
    container_.env = {"PATH=/bin"};
    container_.capabilities.emplace();
    container_.capabilities->inheritable = {"CAP_KILL"};
  }
  ExecFlags flags_;
  spec::Process container_;
};

TEST_F(ExecFlagsTest, ChangeTheContainersProcess) {
  container_.env.push_back("A=0");
  flags_.env = {"A=1"};
  flags_.user = "3:4";
  flags_.additional_gids = {"9"};
  flags_.capabilities = {"CAP_KILL", "CAP_CHOWN"};
  const auto process = DescribeProcess(flags_, {"ls", "-l"}, container_);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_THAT(process->args, ElementsAre("ls", "-l"));
  EXPECT_FALSE(process->terminal);
  EXPECT_EQ(process->cwd, "/srv");
  EXPECT_THAT(process->env, ElementsAre("PATH=/bin", "A=1"));
  EXPECT_EQ(process->user.uid, 3u);
  EXPECT_THAT(process->user.additional_gids, ElementsAre(9u));
  EXPECT_THAT(process->capabilities->bounding, ElementsAre("CAP_KILL", "CAP_CHOWN"));
  EXPECT_THAT(process->capabilities->inheritable, ElementsAre("CAP_KILL"));
  EXPECT_THAT(process->capabilities->ambient, ElementsAre("CAP_KILL"));
}

TEST_F(ExecFlagsTest, NamesWhatIsWrong) {
  const auto fault = [this](const std::vector<std::string>& command) {
    return std::string(DescribeProcess(flags_, command, container_).status().message());
  };
  EXPECT_THAT(fault({}), HasSubstr("args cannot be empty"));
  flags_.cwd = "srv";
  EXPECT_THAT(fault({"ls"}), HasSubstr("process.cwd"));
  flags_.cwd = "";
  flags_.additional_gids = {"-1"};
  EXPECT_THAT(fault({"ls"}), HasSubstr("--additional-gids: \"-1\""));
  flags_.additional_gids = {};
  flags_.process = "/no/such/file";
  EXPECT_THAT(fault({}), HasSubstr("--process: read /no/such/file"));
}

class DoTest : public testing::Test {
 protected:
  DoTest() {
    flags_.rootfs = "/";  // nothing of the host's is read but its accounts
    around_.directory = "/work/project";
    around_.homes = {"/root"};
  }
  DoFlags flags_;
  Surroundings around_;
};

TEST_F(DoTest, HasASmallEnvironment) {
  ::setenv("MOAT_TEST_SECRET", "s", 1);
  ::setenv("MOAT_TEST_GIVEN", "g", 1);
  flags_.env = {"MOAT_TEST_GIVEN", "PATH=/x", "MOAT_TEST_UNSET"};
  const auto sandbox = DescribeSandbox(flags_, {"true"}, around_);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_THAT(sandbox->spec.process->env, ElementsAre("HOME=/root", "LANG=C.UTF-8", "USER=root",
                                                      "MOAT_TEST_GIVEN=g", "PATH=/x"));
}

TEST_F(DoTest, HasNoNetworkUnlessAskedFor) {
  auto sandbox = DescribeSandbox(flags_, {"true"}, around_);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_NE(sandbox->spec.linux_config.FindNamespace(spec::NamespaceType::kNetwork), nullptr);
  flags_.net = "host";
  sandbox = DescribeSandbox(flags_, {"true"}, around_);
  EXPECT_EQ(sandbox->spec.linux_config.FindNamespace(spec::NamespaceType::kNetwork), nullptr);
}

TEST_F(DoTest, OrdinaryUsersHaveNoCapabilities) {
  flags_.user = "1000:1000";
  const auto sandbox = DescribeSandbox(flags_, {"true"}, around_);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_EQ(sandbox->spec.process->user.uid, 1000u);
  EXPECT_TRUE(sandbox->spec.process->capabilities->effective.empty());
  EXPECT_TRUE(sandbox->spec.process->capabilities->permitted.empty());
}

TEST_F(DoTest, TakesLimits) {
  flags_.cpus = "0.5";
  flags_.memory = "64M";
  flags_.pids = 10;
  const auto sandbox = DescribeSandbox(flags_, {"true"}, around_);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const auto& resources = sandbox->spec.linux_config.resources;
  EXPECT_EQ(resources->cpu->quota, 50000);
  EXPECT_EQ(resources->memory->limit, 64 << 20);
  EXPECT_EQ(resources->pids->limit, 10);
  flags_.memory = "lots";
  EXPECT_THAT(std::string(DescribeSandbox(flags_, {"true"}, around_).status().message()),
              HasSubstr("--memory: \"lots\" is not a size"));
}

TEST_F(DoTest, TheDirectoryIsReadOnlyUnlessAskedFor) {
  flags_.write_cwd = true;
  auto sandbox = DescribeSandbox(flags_, {"true"}, around_);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_EQ(sandbox->spec.process->cwd, "/work/project");
  EXPECT_EQ(sandbox->spec.mounts.back().destination, "/work/project");
  EXPECT_THAT(sandbox->spec.mounts.back().options, Not(Contains("rro")));
  around_.directory = "/root";
  EXPECT_FALSE(DescribeSandbox(flags_, {"true"}, around_).ok());
  around_.directory = "/etc";
  EXPECT_FALSE(DescribeSandbox(flags_, {"true"}, around_).ok());
}

}  // namespace
}  // namespace moat::cli
