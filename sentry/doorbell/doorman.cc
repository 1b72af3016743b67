#include "sentry/doorbell/doorman.h"

#include <immintrin.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "base/pidfd.h"
#include "platform/platform.h"
#include "sentry/answer.h"
#include "sentry/container.h"
#include "sentry/doorbell/asking_calls.h"
#include "sentry/doorbell/rung_call.h"
#include "sentry/fs/hand_over.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {
namespace {

using platform::Doorbell;
using platform::Ring;
using platform::Trap;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr size_t kMostThreads = 128;  // each is looked at once

// Longer than a turn of its loop takes: it had not been running, for another thread of this machine
// or (a virtual one) for the machine's own rest, which does not count.
constexpr auto kPreempted = microseconds(200);
constexpr auto kFirstRest = milliseconds(20);
constexpr auto kLongestRest = std::chrono::seconds(1);
// How long what the control groups say is good for: a limit may come while the container runs.
constexpr auto kLimitsLast = milliseconds(100);
// What is worth having been awake for between two rests.
constexpr uint64_t kWorthIt = 1000;

// What is returned, if the outcome says all that there is to it.
std::optional<int64_t> PlainResult(const Outcome& outcome) {
  if (const auto* value = std::get_if<Value>(&outcome)) return value->value;
  if (const auto* error = std::get_if<Errno>(&outcome)) return -error->value();
  return std::nullopt;
}

// Whether no rule of the policy stops the call: a doorbell's code makes it in the program's name.
bool AlwaysRuns(const CallPolicy& policy, int nr) {
  const std::vector<PolicyLine>* lines = policy.LinesOf(nr);
  return lines != nullptr && std::all_of(lines->begin(), lines->end(), [](const PolicyLine& line) {
           return line.action.kind == policies::Action::Kind::kAllow;
         });
}

// Those that the calling thread may run on; none if the kernel does not say.
cpu_set_t OwnCpus() {
  cpu_set_t cpus;
  if (::sched_getaffinity(0, sizeof(cpus), &cpus) != 0) CPU_ZERO(&cpus);
  return cpus;
}

// How often the calling thread had to leave its CPU to another one.
long TimesPreempted() {
  rusage usage = {};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

}  // namespace

std::unique_ptr<Doorbells> MakeDoorbells(Container& container, int filters,
                                         const CpuLimits& limits) {
  return std::make_unique<Doorman>(container, filters, limits);
}

Doorman::Doorman(Container& container, int filters, const CpuLimits& limits)
    : container_(container),
      filters_(filters),
      cpus_(OwnCpus()),
      limits_(limits),
      habits_(CPU_COUNT(&cpus_)),
      rest_(kFirstRest) {
  // With one CPU, whoever waits for an answer would keep it from coming.
  forbidden_ = CPU_COUNT(&cpus_) <= 1 || !AlwaysRuns(*container.calls, SYS_gettid);
}

bool Doorman::Note(Call& call, const Outcome& outcome) {
  const Trap& trap = call.trap();
  if (!IsAsking(trap.nr) || forbidden_) return false;
  const auto value = PlainResult(outcome);
  if (!value) return false;
  const auto now = Clock::now();
  const auto [step, door] = habits_.Count(trap, now, patience_.SleptJustNow(now));
  if (step == Habits::Step::kNothing || !HasCpuToSpare(now)) return false;
  switch (step) {
    case Habits::Step::kNothing:
      return false;
    case Habits::Step::kWake:
      Wake(call, *door);
      return false;
    case Habits::Step::kHang:
      return Hang(call, *value);
    case Habits::Step::kAddSite:
      return AddSite(call, door, *value);
  }
  return false;
}

bool Doorman::HasCpuToSpare(Clock::time_point now) {
  if (now - limits_read_.load() < kLimitsLast) return has_cpu_to_spare_;
  const CpuQuota quota = limits_.Quota();
  has_cpu_to_spare_ = (quota.quota == 0 || quota.cpus() >= 2) && limits_.Allowed().size() >= 2;
  limits_read_ = now;
  return has_cpu_to_spare_;
}

// Whatever the kernel asks at each system call (a tracer, a filter of the program's own) would not
// be asked any more.
bool Doorman::MayRing(const TaskInfo& task) const {
  const TaskTable& tasks = *container_.tasks;
  return tasks.AreOnTheirOwn(task.tgid, filters_, kMostThreads) &&
         !tasks.SharesMemoryWithParent(task.tgid);
}

bool Doorman::CanPatch(Call& call) {
  const Trap& trap = call.trap();
  const platform::GuestAddr behind(trap.instruction_pointer);
  std::array<std::byte, Doorbell::kPatchSize> code;
  const platform::GuestAddr at(behind.value() - code.size());
  const auto got = call.platform().Read(trap, at, absl::MakeSpan(code));
  const platform::Pages pages = Doorbell::PagesOf(behind);
  return got.ok() && *got == code.size() && Doorbell::CanPatch(code, trap.nr) &&
         container_.tasks->IsPrivateCode(trap.tid, pages.first, pages.size);
}

bool Doorman::Hang(Call& call, int64_t value) {
  const Trap& trap = call.trap();
  const auto task = call.Task();
  if (!task.ok()) return false;
  if (const auto door = FindDoor(**task)) {
    habits_.Know(trap.tid, door);
    return false;
  }
  habits_.GiveUp(trap);  // unless it becomes a site
  const uint64_t closes = closes_;
  auto bell = Doorbell::Create();
  auto pidfd = OpenThreadPidfd(trap.tid);
  if (!bell.ok() || !pidfd.ok() || !MayRing(**task)) return false;
  const bool inherits = (*bell)->Inherit(call.platform(), trap, IsAsking);
  if (!(inherits && (*bell)->InCode(trap.instruction_pointer)) && !CanPatch(call)) return false;
  if (!call.platform().StillWaits(trap)) return false;
  StartThread();
  const auto door = std::make_shared<Door>((*task)->tgid, *std::move(pidfd), *std::move(bell));
  const Fd memory = door->bell->TakeMemory();
  const auto used =
      UseDescriptor(call, memory, [&](platform::Session& session, int number) -> int64_t {
        const auto hung = inherits
                              ? door->bell->HangInherited(session, call.platform(), trap, number)
                              : HangNew(call, session, *door->bell, number);
        if (hung.ok()) Register(trap, **task, door, closes);
        return CloseAndReturn(session, number, value);
      });
  return std::holds_alternative<Finished>(used);
}

Result<void> Doorman::HangNew(Call& call, platform::Session& session, Doorbell& bell, int number) {
  const Trap& trap = call.trap();
  TRY(bell.Hang(session, call.platform(), trap, number));
  auto added = bell.AddSite(session, call.platform(), trap,
                            platform::GuestAddr(trap.instruction_pointer), trap.nr);
  if (!added.ok()) bell.TakeDown(session);
  return added;
}

// Unless somebody has got a tracer or a filter since `closes`: it may be one of these threads.
void Doorman::Register(const Trap& trap, const TaskInfo& task, const std::shared_ptr<Door>& door,
                       uint64_t closes) {
  {
    absl::MutexLock lock(&door->mutex);
    door->threads[task.vtid] = trap.tid;
  }
  habits_.Know(trap.tid, door);
  absl::MutexLock lock(&mutex_);
  if (closes != closes_) {
    door->closed = true;
    return;
  }
  std::erase_if(doors_, [](const auto& known) { return known->closed || HasEnded(known->pidfd); });
  if (doors_.size() >= Habits::kMostDoors) doors_.erase(doors_.begin());
  doors_.push_back(door);
  door_changes_.fetch_add(1);
  BeWantedLocked();
}

bool Doorman::AddSite(Call& call, const std::shared_ptr<Door>& door, int64_t value) {
  const Trap& trap = call.trap();
  const auto task = call.Task();
  if (HasEnded(door->pidfd)) {
    habits_.Forget(trap.tid);  // another process has its number now
    return false;
  }
  if (!task.ok() || (*task)->tgid != door->tgid || !MayRing(**task) || !CanPatch(call)) {
    habits_.GiveUp(trap);
    return false;
  }
  auto session = call.platform().Enter(trap);
  if (!session.ok()) {
    habits_.GiveUp(trap);
    return false;
  }
  const auto added = door->bell->AddSite(**session, call.platform(), trap,
                                         platform::GuestAddr(trap.instruction_pointer), trap.nr);
  if (!added.ok()) habits_.GiveUp(trap);
  (*session)->Finish(value);
  return true;
}

std::shared_ptr<Door> Doorman::FindDoor(const TaskInfo& task) {
  absl::MutexLock lock(&mutex_);
  for (const auto& door : doors_) {
    if (door->tgid != task.tgid || door->closed) continue;
    absl::MutexLock threads_lock(&door->mutex);
    if (door->threads.size() >= kMostThreads) door->threads.clear();  // those that live come again
    door->threads[task.vtid] = task.tid;
    return door;
  }
  return nullptr;
}

void Doorman::Wake(Call& call, Door& door) {
  const auto task = call.Task();
  if (!task.ok() || FindDoor(**task).get() != &door) return;
  if (Clock::now() < rest_until_.load()) return;
  if (listening_) {
    if (!door.closed) door.bell->Listen(true);
    return;
  }
  absl::MutexLock lock(&mutex_);
  BeWantedLocked();
}

void Doorman::BeWantedLocked() {
  wanted_ = true;
  caller_cpu_ = ::sched_getcpu();  // we were woken where the trap was made
  wanted_changed_.Signal();
}

void Doorman::Close(pid_t tgid) {
  NoteClose();
  Forget(tgid);
}

void Doorman::Forget(pid_t tgid) {
  habits_.Forget(tgid);
  CloseIf([tgid](const Door& door) { return door.tgid == tgid; });
}

void Doorman::CloseTraced() {
  NoteClose();
  const TaskTable& tasks = *container_.tasks;
  CloseIf([this, &tasks](const Door& door) {
    return !tasks.AreOnTheirOwn(door.tgid, filters_, kMostThreads);
  });
}

void Doorman::NoteClose() {
  absl::MutexLock lock(&mutex_);
  ++closes_;
}

void Doorman::CloseIf(absl::FunctionRef<bool(Door&)> which) {
  std::vector<std::shared_ptr<Door>> closed;
  {
    absl::MutexLock lock(&mutex_);
    const auto kept = std::stable_partition(doors_.begin(), doors_.end(),
                                            [&](const auto& door) { return !which(*door); });
    closed.assign(kept, doors_.end());
    if (closed.empty()) return;
    doors_.erase(kept, doors_.end());
    door_changes_.fetch_add(1);
  }
  for (const auto& door : closed) {
    door->closed = true;
    door->bell->Listen(false);
    while (answering_ == door.get()) std::this_thread::yield();
  }
}

void Doorman::StartThread() {
  absl::MutexLock lock(&mutex_);
  if (has_thread_) return;
  channel_ = container_.gofer->NewMemoryChannel();
  std::thread([this] { Attend(); }).detach();
  has_thread_ = true;
}

std::vector<std::shared_ptr<Door>> Doorman::OpenDoors() {
  absl::MutexLock lock(&mutex_);
  std::erase_if(doors_, [](const auto& door) { return HasEnded(door->pidfd); });
  return doors_;
}

void Doorman::Attend() {
  for (;;) {
    int caller_cpu = -1;
    {
      absl::MutexLock lock(&mutex_);
      while (!wanted_) wanted_changed_.Wait(&mutex_);
      wanted_ = false;
      caller_cpu = caller_cpu_;
    }
    GoAside(caller_cpu);
    patience_.Begin(Clock::now());
    listening_ = true;
    uint64_t changes = 0;
    std::vector<std::shared_ptr<Door>> doors;
    do {
      changes = door_changes_;
      doors = OpenDoors();
      Listen(doors);
    } while (changes != door_changes_);
    listening_ = false;
    for (const auto& door : doors) door->bell->Listen(false);
    for (const auto& door : doors) AnswerAll(*door);
    patience_.End(Clock::now());
  }
}

// The scheduler does not always see that another CPU is free (on a virtual machine one that halts
// may count as taken from it), and on the caller's own CPU this thread would keep it from ringing.
void Doorman::GoAside(int caller_cpu) {
  cpu_set_t others = cpus_;
  if (caller_cpu >= 0 && caller_cpu < CPU_SETSIZE) CPU_CLR(caller_cpu, &others);
  if (::sched_setaffinity(0, sizeof(others), &others) != 0) {
    ::sched_setaffinity(0, sizeof(cpus_), &cpus_);
  }
}

// Until nobody has rung for a while, the doors are others, or this thread is not worth its CPU: it
// was kept from running, or those who call need it.
void Doorman::Listen(const std::vector<std::shared_ptr<Door>>& doors) {
  for (const auto& door : doors) {
    if (!door->closed) door->bell->Listen(true);
  }
  const uint64_t changes = door_changes_;
  auto last_look = Clock::now();
  long preempted = TimesPreempted();
  while (changes == door_changes_) {
    bool rung = false;
    for (const auto& door : doors) rung |= door->bell->WasRung() && AnswerAll(*door);
    const auto now = Clock::now();
    if (now - last_look > kPreempted) {
      const long before = std::exchange(preempted, TimesPreempted());
      if (preempted != before) return Rest(now);
    }
    if (rung && !habits_.HasSpareCpu(now)) return Rest(now);
    if (!patience_.Pays(now) || !HasCpuToSpare(now)) return Rest(now);
    if (patience_.IsOver(now)) return;
    last_look = now;
    _mm_pause();
  }
}

void Doorman::Rest(Clock::time_point now) {
  if (answered_ - answered_at_rest_ > kWorthIt) rest_ = kFirstRest;
  answered_at_rest_ = answered_;
  rest_until_ = now + rest_;
  rest_ = std::min<Clock::duration>(2 * rest_, kLongestRest);
}

bool Doorman::AnswerAll(Door& door) {
  answering_ = &door;
  const uint64_t answered_before = answered_;
  if (!door.closed) {
    // At most each slot once: whoever rings all the time keeps nobody else waiting.
    for (auto ring = door.bell->Take(0); ring; ring = door.bell->Take(ring->slot + 1)) {
      AnswerOne(door, *ring);
    }
  }
  answering_ = nullptr;
  return answered_ != answered_before;
}

void Doorman::AnswerOne(Door& door, const Ring& ring) {
  RungCall rung(*door.bell, ring);
  pid_t tid = 0;
  {
    absl::MutexLock lock(&door.mutex);
    const auto found = door.threads.find(ring.vtid);
    if (found != door.threads.end()) tid = found->second;
  }
  if (tid == 0) return rung.Decline();
  const Trap trap = {.tid = tid, .nr = door.bell->NumberOf(ring.site), .args = ring.args};
  Call call(container_, rung, *channel_, trap);
  // The first thread's number is the process's, which is there as long as somebody rings.
  if (tid == door.tgid) call.AdoptRemembered();
  const auto task = call.Task();
  if (!task.ok() || (*task)->tgid != door.tgid || (*task)->vtid != ring.vtid) {
    return rung.Decline();
  }
  (void)channel_->TakeForgotten();
  const auto outcome = AnswerIfAsked(call);
  const auto result = outcome ? PlainResult(*outcome) : std::nullopt;
  // Who waits here looks for the answer all the time: not for as long as the gofer takes.
  if (!result || channel_->TakeForgotten()) return rung.Decline();
  rung.Answer(*result);
  ++answered_;
  const auto now = Clock::now();
  patience_.Worked(now);
  habits_.NoteRing(tid, now);
}

}  // namespace moat::sentry
