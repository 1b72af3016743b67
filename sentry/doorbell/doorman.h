// Which processes of the container have a doorbell (platform/doorbell.h), and the thread that
// answers them.
//
// A process that asks for names again and again gets one, and its calls that ask are patched one by
// one. The thread is awake only while calls come in a row; it goes back to sleep when none has come
// for a while, and for longer when it had to share its CPU: then a trap, which stays on the
// caller's CPU, is the faster way. What decides is the same handler as for a trap, so an answer
// differs in nothing but in how it comes. docs/adr/015-doorbell.md.
#ifndef MOAT_SENTRY_DOORBELL_DOORMAN_H_
#define MOAT_SENTRY_DOORBELL_DOORMAN_H_

#include <sched.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "platform/doorbell.h"
#include "sentry/call.h"
#include "sentry/doorbell/door.h"
#include "sentry/doorbell/doorbells.h"
#include "sentry/doorbell/habits.h"
#include "sentry/doorbell/patience.h"
#include "sentry/proc/cpu_limits.h"

namespace moat::sentry {

class Doorman final : public Doorbells {
 public:
  // In a thread that may run wherever the process may.
  Doorman(Container& container, int filters, const CpuLimits& limits);

  bool Note(Call& call, const Outcome& outcome) override;
  void Close(pid_t tgid) override;
  void CloseTraced() override;
  void Forget(pid_t tgid) override;

 private:
  using Clock = Patience::Clock;

  // Whether the container has the CPUs for a thread that keeps one busy.
  bool HasCpuToSpare(Clock::time_point now);
  // Whether the process may have a doorbell at all.
  bool MayRing(const TaskInfo& task) const;
  // Whether the call that the trap came from can be patched.
  bool CanPatch(Call& call);
  // Both answer the trap with `value` if they could begin.
  bool Hang(Call& call, int64_t value);
  Result<void> HangNew(Call& call, platform::Session& session, platform::Doorbell& bell,
                       int number);
  void Register(const platform::Trap& trap, const TaskInfo& task, const std::shared_ptr<Door>& door,
                uint64_t closes);
  void NoteClose();
  bool AddSite(Call& call, const std::shared_ptr<Door>& door, int64_t value);
  void Wake(Call& call, Door& door);
  // The door of the caller's process, if it has one; the caller is known there from now on.
  std::shared_ptr<Door> FindDoor(const TaskInfo& task);

  void CloseIf(absl::FunctionRef<bool(Door&)> which);

  void BeWantedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The thread.
  void Attend();
  // To another CPU than the caller's.
  void GoAside(int caller_cpu);
  void Listen(const std::vector<std::shared_ptr<Door>>& doors);
  // Until the thread is worth its CPU.
  void Rest(Clock::time_point now);
  // Whether there was any that could be answered.
  bool AnswerAll(Door& door);
  void AnswerOne(Door& door, const platform::Ring& ring);
  std::vector<std::shared_ptr<Door>> OpenDoors() ABSL_LOCKS_EXCLUDED(mutex_);
  void StartThread();

  Container& container_;
  const int filters_;
  const cpu_set_t cpus_;
  const CpuLimits limits_;
  Habits habits_;
  Clock::duration rest_;                     // the thread's
  uint64_t answered_ = 0;                    // the thread's
  uint64_t answered_at_rest_ = 0;            // the thread's: at the last one
  std::unique_ptr<gofer::Channel> channel_;  // the thread's
  bool forbidden_ = false;                   // nobody may have one; constant
  std::atomic<Clock::time_point> limits_read_{Clock::time_point{}};
  std::atomic<bool> has_cpu_to_spare_{false};

  absl::Mutex mutex_;
  absl::CondVar wanted_changed_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  int caller_cpu_ ABSL_GUARDED_BY(mutex_) = -1;
  bool has_thread_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Door>> doors_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> door_changes_{0};
  std::atomic<uint64_t> closes_{0};  // written with the lock
  std::atomic<bool> listening_{false};
  std::atomic<const Door*> answering_{nullptr};
  std::atomic<Clock::time_point> rest_until_{Clock::time_point{}};
  Patience patience_;  // the thread's
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_DOORBELL_DOORMAN_H_
