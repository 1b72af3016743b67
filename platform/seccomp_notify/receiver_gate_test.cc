#include "platform/seccomp_notify/receiver_gate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr absl::Duration kLong = absl::Seconds(10);        // a failing test ends
constexpr absl::Duration kShort = absl::Milliseconds(20);  // many times the gate's patience
constexpr pid_t kSomeTask = 7, kOtherTask = 8;

// A thread that enters the gate, then does `inside`, then leaves for good.
class Receiver {
 public:
  explicit Receiver(
      ReceiverGate& gate, std::function<void()> inside = [] {})
      : thread_([this, &gate, inside = std::move(inside)] {
          tid_ = ::gettid();
          gate.Enter();
          entered_.Notify();
          inside();
          gate.Leave();
        }) {}
  ~Receiver() { thread_.join(); }

  bool IsInSoon() { return entered_.WaitForNotificationWithTimeout(kLong); }
  // Once it has parked: on a busy machine it may take longer to begin than we wait for it.
  bool StaysOut() {
    for (int i = 0; i < 1000 && !Sleeps(tid_); ++i) absl::SleepFor(absl::Milliseconds(10));
    return !entered_.WaitForNotificationWithTimeout(kShort);
  }

 private:
  // proc(5): the state stands behind the name in brackets.
  static bool Sleeps(pid_t tid) {
    std::ifstream file(absl::StrCat("/proc/self/task/", tid, "/stat"));
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.substr(name_end, 3) == ") S";
  }

  std::atomic<pid_t> tid_ = 0;
  absl::Notification entered_;
  std::thread thread_;
};

// The second seat, which the traps of tasks that wait at the same time open.
void Rush(ReceiverGate& gate) {
  for (const pid_t tid : {kSomeTask, kOtherTask, kSomeTask, kOtherTask}) {
    gate.Enter();
    gate.Took(tid, true);
  }
  gate.Enter();
}

TEST(ReceiverGate, WhoIsBackInTimeKeepsTheSeat) {
  ReceiverGate gate;
  gate.Enter();
  Receiver second(gate);
  EXPECT_TRUE(second.StaysOut());
  for (int i = 0; i < 1000; ++i) {
    gate.Took(kSomeTask, true);
    gate.Enter();
  }
  EXPECT_TRUE(second.StaysOut());
  gate.Leave();
  EXPECT_TRUE(second.IsInSoon());
}

TEST(ReceiverGate, NobodyWaitsForAHolderThatIsStuck) {
  ReceiverGate gate;
  gate.Enter();
  Receiver second(gate);
  gate.Took(kSomeTask, false);
  EXPECT_TRUE(second.IsInSoon());
  gate.Enter();  // the seat is gone, and free again
  gate.Leave();
}

TEST(ReceiverGate, EveryStuckHolderIsReplaced) {
  ReceiverGate gate;
  absl::Notification end;
  const auto get_stuck = [&] {
    gate.Took(kSomeTask, false);
    end.WaitForNotificationWithTimeout(kLong);
  };
  Receiver first(gate, get_stuck);
  Receiver second(gate, get_stuck);
  Receiver third(gate, get_stuck);
  EXPECT_TRUE(first.IsInSoon() && second.IsInSoon() && third.IsInSoon());
  end.Notify();
}

TEST(ReceiverGate, AHolderThatReceivesIsNotStuck) {
  ReceiverGate gate;
  gate.Enter();
  gate.Took(kSomeTask, false);
  gate.Enter();
  Receiver second(gate);
  EXPECT_TRUE(second.StaysOut());
  gate.Leave();
}

TEST(ReceiverGate, TasksThatTrapAtOnceGetTwoReceivers) {
  ReceiverGate gate;
  absl::Notification end;
  Rush(gate);
  Receiver second(gate, [&] { end.WaitForNotificationWithTimeout(kLong); });
  EXPECT_TRUE(second.IsInSoon());
  Receiver third(gate);
  EXPECT_TRUE(third.StaysOut());
  gate.Took(kSomeTask, false);    // frees its seat at once
  EXPECT_TRUE(third.StaysOut());  // while one still receives nobody is called
  end.Notify();
  EXPECT_TRUE(third.IsInSoon());
}

TEST(ReceiverGate, CalmClosesTheSecondSeat) {
  ReceiverGate gate;
  Rush(gate);
  for (int i = 0; i < 100; ++i) {
    gate.Took(kSomeTask, true);
    gate.Enter();
  }
  Receiver second(gate);
  EXPECT_TRUE(second.StaysOut());
  gate.Leave();
}

TEST(ReceiverGate, AllAreLetOutAtTheEnd) {
  ReceiverGate gate;
  std::vector<std::unique_ptr<Receiver>> receivers;
  receivers.reserve(20);
  for (int i = 0; i < 20; ++i) receivers.push_back(std::make_unique<Receiver>(gate));
  for (const auto& receiver : receivers) EXPECT_TRUE(receiver->IsInSoon());
}

}  // namespace
}  // namespace moat::platform::seccomp_notify
