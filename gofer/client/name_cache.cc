#include "gofer/client/name_cache.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/hash/hash.h"

namespace moat::gofer {
namespace {

constexpr size_t kMaxEntries = 2048;  // each may hold a descriptor
constexpr size_t kMaxCredentials = 64;
constexpr uint32_t kDirectoryItself = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

bool SameRights(const Credentials& a, const Credentials& b) {
  return a.uid == b.uid && a.gid == b.gid && a.capabilities == b.capabilities &&
         a.groups == b.groups;
}

uint64_t HashOf(size_t credentials, const NameCache::Question& question) {
  return absl::HashOf(question.path, credentials, question.follow);
}

uint64_t StepKey(int32_t watch, uint32_t name) {
  return static_cast<uint64_t>(static_cast<uint32_t>(watch)) << 32 | name;
}

}  // namespace

NameCache::Found NameCache::Find(const Question& question) {
  absl::MutexLock lock(&mutex_);
  ReadEventsLocked();
  Found found;
  found.moment = moment_;
  const size_t credentials = NumberOfLocked(question.credentials);
  const uint64_t hash = HashOf(credentials, question);
  if (const auto entry = SearchLocked(question, credentials, hash); entry != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, entry);
    found.known = entry->known;
    return found;
  }
  uint64_t& asked = asked_[hash % kRecent];
  found.ask = asked == hash && hopeless_[hash % kRecent] != hash;
  asked = hash;
  return found;
}

void NameCache::Insert(const Question& question, Known known, absl::Span<const Watched> walk,
                       uint64_t moment) {
  absl::MutexLock lock(&mutex_);
  ReadEventsLocked();
  if (moment != moment_) return;
  const size_t credentials = NumberOfLocked(question.credentials);
  const uint64_t hash = HashOf(credentials, question);
  if (SearchLocked(question, credentials, hash) != entries_.end()) return;
  if (entries_.size() >= kMaxEntries) EraseLocked(std::prev(entries_.end()));
  entries_.push_front({hash,
                       credentials,
                       question.follow,
                       std::string(question.path),
                       std::move(known),
                       {walk.begin(), walk.end()}});
  by_key_.emplace(hash, entries_.begin());
  for (const Watched& step : walk) {
    by_step_.emplace(StepKey(step.watch, step.name), entries_.begin());
  }
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
  for (;;) {
    const auto step = by_step_.find(StepKey(watch, name));
    if (step == by_step_.end()) return;
    EraseLocked(step->second);
  }
}

void NameCache::ForgetDirectoryLocked(int32_t watch) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    for (const Watched& step : entry->walk) {
      if (step.watch != watch) continue;
      EraseLocked(entry);
      break;
    }
    entry = next;
  }
}

void NameCache::EraseLocked(Entries::iterator entry) {
  const auto drop = [&](auto& index, uint64_t key) {
    auto [at, end] = index.equal_range(key);
    while (at != end) at = at->second == entry ? index.erase(at) : std::next(at);
  };
  drop(by_key_, entry->key_hash);
  for (const Watched& step : entry->walk) drop(by_step_, StepKey(step.watch, step.name));
  entries_.erase(entry);
}

void NameCache::ClearLocked() {
  by_key_.clear();
  by_step_.clear();
  entries_.clear();
}

NameCache::Entries::iterator NameCache::SearchLocked(const Question& question, size_t credentials,
                                                     uint64_t hash) {
  const auto [begin, end] = by_key_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    const Entry& entry = *at->second;
    if (entry.credentials == credentials && entry.follow == question.follow &&
        entry.path == question.path) {
      return at->second;
    }
  }
  return entries_.end();
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
