// Prints what a round trip costs, on one core and on all; asserts nothing about time.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gofer/system_test/cage.h"
#include "gofer/system_test/fixture.h"

namespace moat::gofer {
namespace {

constexpr int kRounds = 10000;

void PrintMicroseconds(const char* what, const std::function<void()>& call) {
  for (int round = 0; round < kRounds / 10; ++round) call();
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) call();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
  std::printf("  %-44s %6.2f us\n", what, spent.count() / kRounds);
}

// Lets all threads of the gofer and of this test run on `cores`.
void Allow(pid_t gofer, const cpu_set_t& cores) {
  const std::string tasks = absl::StrCat("/proc/", gofer, "/task");
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    pid_t tid = 0;
    ASSERT_TRUE(absl::SimpleAtoi(task.path().filename().string(), &tid));
    ::sched_setaffinity(tid, sizeof(cores), &cores);
  }
  ::sched_setaffinity(0, sizeof(cores), &cores);
}

class RoundTrip : public testing::Test {
 protected:
  void SetUp() override {
    auto cage = TestCage::Create();
    ASSERT_TRUE(cage.ok()) << cage.status();
    cage_ = std::move(cage).value();
    channel_ = std::move(cage_->client().NewChannel()).value();
    BuildFixture(cage_->tree());
  }
  void Stat(const Credentials& who, absl::string_view path, int base = -1) {
    auto stat = channel_->Stat(who, {path, base, -1}, 0, STATX_BASIC_STATS);
    ASSERT_FALSE(channel_->broken());
  }
  void PrintAll();

  std::unique_ptr<TestCage> cage_;
  std::unique_ptr<Channel> channel_;
};

void RoundTrip::PrintAll() {
  const Credentials root = {0, 0, {}, kFileCapabilities, 022};
  const Credentials alice = {kAlice, kAlice, {4, 20, 24, 25, 27}, 0, 022};
  const Fd base(::openat(cage_->tree(), "dir", O_PATH | O_CLOEXEC));
  PrintMicroseconds("native stat", [&] {
    struct stat attributes;
    ::fstatat(cage_->tree(), "dir/file", &attributes, 0);
  });
  PrintMicroseconds("stat", [&] { Stat(root, "/dir/file"); });
  PrintMicroseconds("stat with a base", [&] { Stat(root, "file", base.get()); });
  bool other = false;
  PrintMicroseconds("stat, another caller each time", [&] {
    other = !other;
    Stat(other ? root : alice, "/dir/file");
  });
  PrintMicroseconds("ENOENT on the root's mount", [&] { Stat(root, "/dir/missing"); });
  PrintMicroseconds("ENOENT through a symlink", [&] { Stat(root, "/dirlink/missing"); });
  PrintMicroseconds("ENOENT on another mount", [&] { Stat(root, "/volume/missing"); });
  PrintMicroseconds("crossing", [&] { Stat(root, "/dir/../proc/self/stat"); });
  PrintMicroseconds("open and close", [&] {
    auto opened = channel_->Open(root, {"/dir/file", -1, -1}, O_RDONLY, 0, 0, nullptr);
    ASSERT_TRUE(std::holds_alternative<Opened>(opened));
  });
  PrintMicroseconds("open for exec and close", [&] {
    auto opened = channel_->OpenForExec(root, {"/exec", -1, -1}, Follow::kYes);
    ASSERT_TRUE(std::holds_alternative<Opened>(opened));
  });
}

TEST_F(RoundTrip, OnOneCore) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  Allow(cage_->gofer(), one);
  PrintAll();
}

TEST_F(RoundTrip, OnAllCores) {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (unsigned core = 0; core < 64; ++core) CPU_SET(core, &all);
  Allow(cage_->gofer(), all);
  PrintAll();
}

TEST_F(RoundTrip, ManyChannelsTakeLittleMemory) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int number = 0; number < 16; ++number) {
    channels.push_back(std::move(cage_->client().NewChannel()).value());
    channel_ = std::move(channels.back());
    Stat({0, 0, {}, 0, 022}, "/dir/file");
    channels.back() = std::move(channel_);
  }
  std::FILE* rollup =
      std::fopen(absl::StrCat("/proc/", cage_->gofer(), "/smaps_rollup").c_str(), "r");
  ASSERT_NE(rollup, nullptr);
  long private_kib = 0;
  char line[256];
  while (std::fgets(line, sizeof(line), rollup)) {
    long kib = 0;
    if (std::sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
        std::sscanf(line, "Private_Dirty: %ld", &kib) == 1) {
      private_kib += kib;
    }
  }
  std::fclose(rollup);
  std::printf("  gofer with 16 channels: %ld KiB private\n", private_kib);
  EXPECT_GT(private_kib, 0);
}

TEST_F(RoundTrip, AKilledGoferBreaksTheChannel) {
  ASSERT_EQ(::kill(cage_->gofer(), SIGKILL), 0);
  auto stat = channel_->Stat({}, {"/", -1, -1}, 0, STATX_BASIC_STATS);
  ASSERT_TRUE(std::holds_alternative<Failure>(stat));
  EXPECT_EQ(std::get<Failure>(stat).error.value(), EIO);
  EXPECT_TRUE(channel_->broken());
  EXPECT_FALSE(cage_->client().NewChannel().ok());
}

}  // namespace
}  // namespace moat::gofer
