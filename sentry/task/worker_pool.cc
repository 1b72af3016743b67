#include "sentry/task/worker_pool.h"

#include <pthread.h>

#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/turns.h"
#include "sentry/answer.h"
#include "sentry/doorbell/doorbells.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry {
namespace {

constexpr int kFirstWorkers = 2;
constexpr int kMaxWorkers = 512;
constexpr size_t kStackSize = 256 * 1024;

// Starts a detached thread with a small stack.
absl::Status StartThread(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  const absl::Cleanup destroy = [&attributes] { pthread_attr_destroy(&attributes); };
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackSize);
  auto argument = std::make_unique<std::function<void()>>(std::move(body));
  pthread_t thread;
  const int error = pthread_create(
      &thread, &attributes,
      [](void* raw) -> void* {
        const std::unique_ptr<std::function<void()>> run(static_cast<std::function<void()>*>(raw));
        (*run)();
        return nullptr;
      },
      argument.get());
  if (error != 0) return ErrnoStatus(error, "pthread_create", "");
  (void)argument.release();  // the thread owns it
  return absl::OkStatus();
}

// Gives the kernel the handler's answer. The one place where a trap may be continued: only if the
// table's line says why.
class Replier {
 public:
  Replier(platform::Platform& platform, const platform::Trap& trap, const Entry& entry)
      : platform_(platform), trap_(trap), entry_(entry) {}

  void operator()(const Value& value) { platform_.ReturnValue(trap_, value.value); }
  void operator()(const Errno& error) { platform_.ReturnErrno(trap_, error); }
  void operator()(GiveFd& give) {
    auto number = platform_.AddFd(trap_, give.fd, give.close_on_exec);
    // Before the task goes on: a copy of ours could hold up an exec of the file (ETXTBSY), keep the
    // end of a FIFO open, or a lock.
    give.fd.Reset();
    if (number.ok()) {
      platform_.ReturnValue(trap_, *number);
    } else {
      platform_.ReturnErrno(trap_, number.error());
    }
  }
  void operator()(const Restart&) { platform_.ReturnRestart(trap_); }
  void operator()(const Finished&) {}
  void operator()(const ContinueNative&) {
    // Without a handler it is one that the table lets run natively and a policy wants to see.
    if (!entry_.continue_reason.empty() || entry_.handler == nullptr) {
      platform_.Continue(trap_);
    } else {
      LogError(absl::StrCat("refused to continue ", entry_.name, ": its line has no reason"));
      platform_.ReturnErrno(trap_, Errno(ENOSYS));
    }
  }

 private:
  platform::Platform& platform_;
  const platform::Trap& trap_;
  const Entry& entry_;
};

// Behind a refusal in the trace: who said so.
std::string Why(const PolicyLine& line) {
  if (line.action.kind != policies::Action::Kind::kErrno) return "";
  return absl::StrCat(" (", line.rule, ": ", line.reason, ")");
}

}  // namespace

WorkerPool::WorkerPool(Container& container, platform::Platform& platform,
                       std::function<void(const std::string&)> on_fault,
                       std::function<void()> on_end)
    : container_(container),
      platform_(platform),
      on_fault_(std::move(on_fault)),
      on_end_(std::move(on_end)) {}

absl::Status WorkerPool::Start() {
  // Counts as a worker: the first one may have left (its tasks are gone already) before the second
  // one comes, and must not be the last then.
  workers_.fetch_add(1);
  RETURN_IF_ERROR(AddWorker());
  for (int i = 1; i < kFirstWorkers; ++i) {
    if (auto added = AddWorker(); !added.ok()) LogWarning(added.message());
  }
  Leave();
  return absl::OkStatus();
}

absl::Status WorkerPool::AddWorker() {
  auto channel = container_.gofer->NewChannel();
  if (!channel.ok()) return ErrnoStatus(channel.error().value(), "open a channel to", "the gofer");
  workers_.fetch_add(1);
  waiting_.fetch_add(1);
  std::shared_ptr<gofer::Channel> shared = std::move(channel).value();
  auto started = StartThread([this, shared] {
    Serve(*shared);
    Leave();
  });
  if (!started.ok()) {
    workers_.fetch_sub(1);
    waiting_.fetch_sub(1);
  }
  return started;
}

void WorkerPool::Leave() {
  const std::function<void()> on_end = on_end_;
  if (workers_.fetch_sub(1) == 1) on_end();
}

void WorkerPool::Serve(gofer::Channel& channel) {
  HandOverPolitely();
  for (;;) {
    const uint64_t before = container_.cache->Moment();
    auto trap = platform_.Next();
    const bool was_last = waiting_.fetch_sub(1) == 1;
    if (!trap.ok()) {
      // ECANCELED: no task is left under this filter.
      if (trap.error().value() == ECANCELED) return;
      on_fault_(absl::StrCat("receiving a system call failed: ", ErrnoName(trap.error().value())));
      return;
    }
    if (was_last && workers_.load() < kMaxWorkers) {
      if (auto added = AddWorker(); !added.ok()) LogWarning(added.message());
    }
    Handle(channel, *trap, before);
    if (channel.broken()) {
      on_fault_("the gofer broke off");
      return;
    }
    waiting_.fetch_add(1);
  }
}

void WorkerPool::Handle(gofer::Channel& channel, const platform::Trap& trap, uint64_t before) {
  const Entry* entry = FindSyscall(trap.nr);
  const PolicyLine* line = container_.calls->Decide(trap.nr, trap.args);
  if (entry == nullptr || line == nullptr) {
    platform_.ReturnErrno(trap, Errno(ENOSYS));
    return;
  }
  const absl::Time start = container_.tracer ? absl::Now() : absl::Time();
  Call call(container_, platform_, channel, trap, before);
  Outcome outcome = AnswerByLine(call, *entry, *line);
  if (container_.tracer) {
    container_.tracer->Record(call, *entry, outcome, absl::Now() - start, Why(*line));
  }
  if (container_.doorbells && container_.doorbells->Note(call, outcome)) return;
  std::visit(Replier(platform_, trap, *entry), outcome);
}

}  // namespace moat::sentry
