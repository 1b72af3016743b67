// The doorbell's machine code in this very process, with a thread in the sentry's place.
#include "platform/doorbell.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "platform/guest_copy.h"

namespace moat::platform {
namespace {

constexpr int kCall = SYS_getppid;

// Runs the calls in the test itself.
class OwnSession final : public Session {
 public:
  Result<uint64_t> Call(int nr, std::array<uint64_t, 6> a) override {
    const long result = ::syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == -1) return Errno::Last();
    return static_cast<uint64_t>(result);
  }
  ExecOutcome Exec(int, GuestAddr, GuestAddr, GuestAddr, const ProgramStart&,
                   const std::function<void(pid_t)>&) override {
    return {};
  }
  Result<GuestAddr> MapScratch(size_t size) override {
    TRY_ASSIGN(const uint64_t at, Call(SYS_mmap, {0, size, PROT_READ | PROT_WRITE,
                                                  MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}));
    return GuestAddr(at);
  }
  void UnmapScratch(GuestAddr at, size_t size) override {
    (void)Call(SYS_munmap, {at.value(), size});
  }
  bool ShouldEnd() override { return false; }
  void Finish(int64_t) override {}
};

class OwnMemory final : public Platform {
 public:
  Result<Trap> Next() override { return Errno(ENOSYS); }
  bool StillWaits(const Trap&) override { return true; }
  Result<size_t> Read(const Trap&, GuestAddr from, absl::Span<std::byte> to) override {
    return CopyFromGuest(::getpid(), from, to);
  }
  Result<size_t> Write(const Trap&, GuestAddr to, absl::Span<const std::byte> from) override {
    return CopyToGuest(::getpid(), to, from);
  }
  void ReturnValue(const Trap&, int64_t) override {}
  void ReturnErrno(const Trap&, Errno) override {}
  void ReturnRestart(const Trap&) override {}
  void Continue(const Trap&) override {}
  Result<int> AddFd(const Trap&, const Fd&, bool) override { return Errno(ENOSYS); }
  Result<void> AddFdAt(const Trap&, const Fd&, int, bool) override { return Errno(ENOSYS); }
  Result<std::unique_ptr<Session>> Enter(const Trap&) override { return Errno(ENOSYS); }
  Result<Entered> EnterWith(const Trap&, const Fd&, absl::Span<const Fd* const>) override {
    return Errno(ENOSYS);
  }
  uint64_t cookie() const override { return 0; }
};

// A call as compilers make it; and where it returns to, once it has been made.
[[gnu::noipa]] long Ask(long first, uint64_t* place) {
  long result;
  asm volatile(
      "lea 1f(%%rip), %%rcx\n\t"
      "mov %%rcx, %[place]\n\t"
      "mov %[call], %%eax\n\t"
      "syscall\n\t"
      "1:"
      : "=a"(result), [place] "=m"(*place)
      : [call] "i"(kCall), "D"(first)
      : "rcx", "r11", "memory");
  return result;
}

long Ask(long first) {
  uint64_t place;
  return Ask(first, &place);
}

// One for all tests: a process has one.
class DoorbellTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = Doorbell::Create();
    ASSERT_TRUE(made.ok());
    bell_ = made->release();
    const Fd memory = bell_->TakeMemory();
    OwnSession session;
    OwnMemory platform;
    ASSERT_TRUE(bell_->Hang(session, platform, {}, memory.get()).ok());
    uint64_t place = 0;
    ASSERT_EQ(::getppid(), Ask(0, &place));
    // While others run there.
    std::atomic<bool> over = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
      others.emplace_back([&] {
        while (!over) wrong += Ask(0) != ::getppid();
      });
    }
    ::usleep(5'000);
    const auto added = bell_->AddSite(session, platform, {}, GuestAddr(place), kCall);
    ::usleep(5'000);
    over = true;
    for (std::thread& other : others) other.join();
    ASSERT_TRUE(added.ok()) << added.error().value();
    ASSERT_EQ(0, wrong);
    ASSERT_EQ(Errno(EILSEQ),
              bell_->AddSite(session, platform, {}, GuestAddr(place), kCall).error());
  }

  // Answers each call with 100 more than its first argument until the end of the test; declines
  // those below zero, and takes its time for 7.
  void Serve() {
    bell_->Listen(true);
    server_ = std::thread([this] {
      while (!over_) {
        while (auto ring = bell_->Take(0)) {
          const auto first = static_cast<int64_t>(ring->args[0]);
          if (first == 7) ::usleep(20'000);
          if (first < 0) {
            bell_->Decline(*ring);
          } else {
            bell_->Answer(*ring, first + 100, {}, {});
            ++answered_;
          }
        }
      }
    });
  }
  void TearDown() override {
    over_ = true;
    if (server_.joinable()) server_.join();
    bell_->Listen(false);
  }

  static Doorbell* bell_;
  std::atomic<bool> over_ = false;
  std::atomic<int> answered_ = 0;
  std::thread server_;
};
Doorbell* DoorbellTest::bell_ = nullptr;

TEST_F(DoorbellTest, NobodyListens) {
  for (int i = 0; i < 100; ++i) ASSERT_EQ(::getppid(), Ask(i));
  EXPECT_FALSE(bell_->WasRung());
}

TEST_F(DoorbellTest, IsAnswered) {
  Serve();
  int rung = 0;
  for (int i = 8; i < 1000 || (rung == 0 && i < 1'000'000); ++i) {
    const long result = Ask(i);
    if (result == i + 100) {
      ++rung;
    } else {
      ASSERT_EQ(::getppid(), result);  // nobody answered in time
    }
    bell_->Listen(true);
  }
  EXPECT_GT(rung, 0);
  EXPECT_TRUE(bell_->WasRung());
  EXPECT_FALSE(bell_->WasRung());
}

TEST_F(DoorbellTest, WhatIsDeclinedIsACall) {
  Serve();
  for (int i = 1; i < 1000; ++i) ASSERT_EQ(::getppid(), Ask(-i));
}

// Slots of those who gave up are used again.
TEST_F(DoorbellTest, WhoeverGetsNoAnswerMakesACall) {
  Serve();
  for (int i = 0; i < 20; ++i) {
    bell_->Listen(true);
    const long result = Ask(7);
    EXPECT_TRUE(result == ::getppid() || result == 107) << result;
    EXPECT_TRUE(result == 107 || !bell_->IsListening());
  }
  for (int i = 0; i < 200'000 && answered_ < 30; ++i) {
    bell_->Listen(true);
    Ask(8);
    ::usleep(100);
  }
  EXPECT_GE(answered_, 30);
}

TEST_F(DoorbellTest, ThreadsGetTheirOwnAnswers) {
  Serve();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 1; thread <= 12; ++thread) {  // more than there are slots
    threads.emplace_back([thread, &wrong] {
      for (int i = 0; i < 500; ++i) {
        const int mine = 1000 * thread + i;
        const long result = Ask(mine);
        if (result != mine + 100 && result != ::getppid()) ++wrong;
        bell_->Listen(true);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0, wrong);
}

TEST_F(DoorbellTest, ChildrenMakeCalls) {
  Serve();
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 8; i < 100; ++i) {
      if (Ask(i) != ::getppid()) ::_exit(1);
    }
    OwnMemory platform;
    auto inherited = Doorbell::Create();
    const bool knows =
        inherited.ok() && (*inherited)->Inherit(platform, {}, [](int nr) { return nr == kCall; });
    if (!knows || (*inherited)->NumberOf(0) != kCall) ::_exit(2);
    OwnSession session;
    const Fd memory = (*inherited)->TakeMemory();
    if (!(*inherited)->HangInherited(session, platform, {}, memory.get()).ok()) ::_exit(3);
    (*inherited)->Listen(true);
    // Nobody answers this one.
    if (Ask(8) != ::getppid() || !(*inherited)->WasRung()) ::_exit(4);
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}

TEST_F(DoorbellTest, KnowsWhatItCanPatch) {
  const auto bytes = [](std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (const int value : values) result.push_back(static_cast<std::byte>(value));
    return result;
  };
  EXPECT_TRUE(Doorbell::CanPatch(bytes({0xb8, 4, 0, 0, 0, 0x0f, 0x05}), SYS_stat));
  EXPECT_FALSE(Doorbell::CanPatch(bytes({0xb8, 5, 0, 0, 0, 0x0f, 0x05}), SYS_stat));
  EXPECT_FALSE(Doorbell::CanPatch(bytes({0xb9, 4, 0, 0, 0, 0x0f, 0x05}), SYS_stat));
  EXPECT_FALSE(Doorbell::CanPatch(bytes({0xb8, 4, 0, 0, 0, 0x0f, 0x34}), SYS_stat));
  EXPECT_FALSE(Doorbell::CanPatch(bytes({0xb8, 4, 0, 0, 0, 0x0f}), SYS_stat));
}

}  // namespace
}  // namespace moat::platform
