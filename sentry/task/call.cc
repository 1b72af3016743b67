#include "sentry/call.h"

#include <linux/limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "base/pidfd.h"
#include "sentry/container.h"

namespace moat::sentry {
namespace {

using platform::GuestAddr;

constexpr size_t kFirstChunk = 256;  // nearly every path is shorter
constexpr size_t kPage = 4096;

absl::Span<std::byte> WritableBytes(char* data, size_t size) {
  return absl::MakeSpan(std::as_writable_bytes(std::span(data, size)).data(), size);
}
absl::Span<const std::byte> Bytes(absl::string_view text) {
  return absl::MakeConstSpan(std::as_bytes(std::span(text.data(), text.size())).data(),
                             text.size());
}

}  // namespace

Result<std::string> Call::ReadString(GuestAddr from, size_t limit, Errno too_long) {
  std::string text;
  // A second page costs as much again, and nearly every path ends before.
  size_t want = std::min({kFirstChunk, kPage - from.value() % kPage, limit});
  while (text.size() < limit) {
    const size_t old_size = text.size();
    text.resize(std::min(limit, old_size + want));
    auto got = platform_.Read(trap_, from.Plus(old_size),
                              WritableBytes(&text[old_size], text.size() - old_size));
    if (!got.ok()) return got.error();
    const size_t end = text.find('\0', old_size);
    if (end < old_size + *got) {
      text.resize(end);
      if (container_.tracer) seen_.emplace_back(from.value(), text);
      return text;
    }
    if (old_size + *got < text.size()) return Errno(EFAULT);
    want = limit;
  }
  return too_long;
}

Result<std::string> Call::ReadPath(GuestAddr from) {
  return ReadString(from, PATH_MAX, Errno(ENAMETOOLONG));
}

Result<std::string> Call::ReadBytes(GuestAddr from, size_t size) {
  std::string bytes(size, '\0');
  if (size > 0) TRY(ReadInto(from, bytes.data(), size));
  return bytes;
}

Result<void> Call::ReadInto(GuestAddr from, void* to, size_t size) {
  TRY_ASSIGN(const size_t got,
             platform_.Read(trap_, from, WritableBytes(static_cast<char*>(to), size)));
  if (got != size) return Errno(EFAULT);
  return {};
}

Result<void> Call::WriteBytes(GuestAddr to, absl::string_view bytes) {
  if (bytes.empty()) return {};
  TRY_ASSIGN(const size_t written, platform_.Write(trap_, to, Bytes(bytes)));
  if (written != bytes.size()) return Errno(EFAULT);
  return {};
}

Result<const TaskInfo*> Call::Task() {
  if (known_ == nullptr) {
    TaskCache& cache = *container_.cache;
    TRY_ASSIGN(auto known, cache.Get(trap_.tid));
    task_ = known->info;
    TRY_ASSIGN(task_.umask, cache.UmaskOf(*known));
    known_ = std::move(known);
  }
  return static_cast<const TaskInfo*>(&task_);
}

Result<const TaskInfo*> Call::ConfirmedTask() {
  if (known_ == nullptr) {
    // A task that had this number before the trap came and has it now had it all the time.
    TaskCache& cache = *container_.cache;
    auto known = cache.Recall(trap_.tid);
    if (known != nullptr && known->moment <= before_ && cache.HasStableUmask(*known) &&
        !HasEnded(known->pidfd)) {
      known_ = std::move(known);
      task_ = known_->info;
      return static_cast<const TaskInfo*>(&task_);
    }
  }
  TRY_ASSIGN(const TaskInfo* task, Task());
  if (!platform_.StillWaits(trap_)) return Errno(ESRCH);
  return task;
}

bool Call::AdoptRemembered() {
  known_ = container_.cache->Recall(trap_.tid);
  if (known_ == nullptr) return false;
  task_ = known_->info;
  return true;
}

Result<Fd> Call::TakeFd(int fd) {
  TRY(Task());
  return TakeFdOf(known_->pidfd, fd);
}

Result<std::shared_ptr<const CurrentDirectory>> Call::WorkingDirectory() {
  TRY(Task());
  return container_.cache->WorkingDirectoryOf(known_);
}

Result<Fd> Call::RootDirectory() {
  if (container_.roots == nullptr) return Fd();
  return container_.roots->Of(trap_.tid);
}

bool Call::SignalPending() { return container_.tasks->SignalPending(trap_.tid); }

}  // namespace moat::sentry
