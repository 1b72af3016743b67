#include "gofer/client/name_cache.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/hash/hash.h"

namespace moat::gofer {
namespace {

constexpr size_t kMostEntries = 16384;
// Each may hold a descriptor; so many are for the tasks and their calls.
constexpr size_t kOtherDescriptors = 4096;
constexpr size_t kMaxCredentials = 64;
// When there are as many as there may be, every which name that asks to be remembered is.
constexpr uint32_t kOneIn = 16;
constexpr uint32_t kDirectoryItself = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

bool SameRights(const Credentials& a, const Credentials& b) {
  return a.uid == b.uid && a.gid == b.gid && a.capabilities == b.capabilities &&
         a.groups == b.groups;
}

uint64_t HashOf(size_t credentials, const NameCache::Question& question) {
  return absl::HashOf(question.path, credentials, question.look_for, question.base_id);
}

size_t MaxEntries() {
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) < 0) return 0;
  const rlim_t left = files.rlim_cur - std::min<rlim_t>(files.rlim_cur, kOtherDescriptors);
  return std::min<size_t>(kMostEntries, std::max(files.rlim_cur / 8, left / 2));
}

uint64_t StepKey(int32_t watch, uint32_t name) {
  return static_cast<uint64_t>(static_cast<uint32_t>(watch)) << 32 | name;
}

}  // namespace

NameCache::NameCache(Fd events, uint32_t warm_up)
    : events_(std::move(events)), max_entries_(MaxEntries()), warm_up_(warm_up) {}

NameCache::Found NameCache::Find(const Question& question, unsigned before, bool current) {
  absl::MutexLock lock(&mutex_);
  if (warm_up_ > 0) {
    --warm_up_;
    return {};
  }
  const size_t credentials = NumberOfLocked(question.credentials);
  const uint64_t hash = HashOf(credentials, question);
  if (by_key_.count(hash) == 0) return {{}, IsWorthAskingLocked(hash, before), current};
  if (!current) ReadEventsLocked();
  Entry* entry = SearchLocked(question, credentials, hash);
  if (entry == nullptr) return {{}, false, true};
  entries_.splice(entries_.begin(), entries_, entry->self);
  return {entry->known, false, true};
}

uint64_t NameCache::Moment() {
  absl::MutexLock lock(&mutex_);
  ReadEventsLocked();
  return moment_;
}

bool NameCache::IsWorthAskingLocked(uint64_t hash, unsigned before) {
  const size_t slot = hash % kRecent;
  if (asked_[slot] != hash) times_[slot] = 0;
  asked_[slot] = hash;
  const unsigned asked = times_[slot];
  if (asked < kMostAsked) ++times_[slot];
  if (asked < before || hopeless_[slot] == hash) return false;
  // Names that go round and round and are too many would push each other out, every one in vain.
  return entries_.size() < max_entries_ || ++turned_away_ % kOneIn == 0;
}

void NameCache::Insert(const Question& question, Known known, absl::Span<const Watched> walk,
                       uint64_t moment) {
  absl::MutexLock lock(&mutex_);
  ReadEventsLocked();
  if (moment != moment_) return;
  const size_t credentials = NumberOfLocked(question.credentials);
  const uint64_t hash = HashOf(credentials, question);
  if (max_entries_ == 0 || SearchLocked(question, credentials, hash) != nullptr) return;
  std::shared_ptr<const Base> base = BaseOfLocked(question, known);
  if (!base) return;
  if (entries_.size() >= max_entries_) EraseLocked(&entries_.back());
  entries_.push_front({hash,
                       credentials,
                       std::move(base),
                       question.look_for,
                       std::string(question.path),
                       std::move(known),
                       {walk.begin(), walk.end()},
                       {}});
  Entry& entry = entries_.front();
  entry.self = entries_.begin();
  by_key_.emplace(hash, &entry);
  for (const Watched& step : walk) by_step_.emplace(StepKey(step.watch, step.name), &entry);
}

std::shared_ptr<const NameCache::Base> NameCache::BaseOfLocked(const Question& question,
                                                               const Known& known) {
  if (known.is_base) return std::make_shared<const Base>(Base{question.base_id, Fd(), false});
  if (const auto held = bases_.find(question.base_id); held != bases_.end()) {
    return held->second.lock();
  }
  Fd fd;
  if (question.base >= 0) {
    fd.Reset(::fcntl(question.base, F_DUPFD_CLOEXEC, 0));
    if (!fd) return nullptr;
  }
  auto base = std::make_shared<const Base>(Base{question.base_id, std::move(fd)});
  bases_.emplace(base->id, base);
  return base;
}

void NameCache::GiveUp(const Question& question) {
  absl::MutexLock lock(&mutex_);
  const uint64_t hash = HashOf(NumberOfLocked(question.credentials), question);
  hopeless_[hash % kRecent] = hash;
}

void NameCache::Refresh() {
  absl::MutexLock lock(&mutex_);
  ReadEventsLocked();
}

void NameCache::ReadEventsLocked() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::read(events_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      // Without events nothing may be believed.
      if (size == 0 || errno != EAGAIN) ClearLocked();
      return;
    }
    for (size_t at = 0; at < static_cast<size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* name = buffer.data() + at + sizeof(event);
      at += sizeof(event) + event.len;
      ++moment_;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        ClearLocked();
      } else if ((event.mask & kDirectoryItself) != 0 || event.len == 0) {
        ForgetDirectoryLocked(event.wd);
      } else if ((event.mask & IN_ATTRIB) == 0) {
        // A name in the directory. (Rights of a directory in it are reported by its own watch.)
        ForgetNameLocked(event.wd, HashName({name, ::strnlen(name, event.len)}));
      }
    }
  }
}

void NameCache::ForgetNameLocked(int32_t watch, uint32_t name) {
  if (name == kForeignName) return ForgetDirectoryLocked(watch);
  ForgetStepsLocked(StepKey(watch, name), StepKey(watch, name));
  ForgetStepsLocked(StepKey(watch, kForeignName), StepKey(watch, kForeignName));
}

void NameCache::ForgetDirectoryLocked(int32_t watch) {
  ForgetStepsLocked(StepKey(watch, 0), StepKey(watch, ~uint32_t{0}));
}

void NameCache::ForgetStepsLocked(uint64_t first, uint64_t last) {
  for (;;) {
    const auto step = by_step_.lower_bound(Step(first, nullptr));
    if (step == by_step_.end() || step->first > last) return;
    EraseLocked(step->second);
  }
}

void NameCache::EraseLocked(Entry* entry) {
  auto [at, end] = by_key_.equal_range(entry->key_hash);
  while (at != end) at = at->second == entry ? by_key_.erase(at) : std::next(at);
  for (const Watched& step : entry->walk) by_step_.erase({StepKey(step.watch, step.name), entry});
  const std::shared_ptr<const Base> base = std::move(entry->base);
  entries_.erase(entry->self);
  if (base->shared && base.use_count() == 1) bases_.erase(base->id);
}

void NameCache::ClearLocked() {
  by_key_.clear();
  by_step_.clear();
  entries_.clear();
  bases_.clear();
}

NameCache::Entry* NameCache::SearchLocked(const Question& question, size_t credentials,
                                          uint64_t hash) {
  const auto [begin, end] = by_key_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Entry& entry = *at->second;
    if (entry.credentials == credentials && entry.look_for == question.look_for &&
        entry.base->id == question.base_id && entry.path == question.path) {
      return at->second;
    }
  }
  return nullptr;
}

size_t NameCache::NumberOfLocked(const Credentials& credentials) {
  for (size_t i = 0; i < credentials_.size(); ++i) {
    if (SameRights(credentials_[i], credentials)) return i;
  }
  if (credentials_.size() >= kMaxCredentials) {
    ClearLocked();
    credentials_.clear();
  }
  credentials_.push_back(credentials);
  return credentials_.size() - 1;
}

}  // namespace moat::gofer
