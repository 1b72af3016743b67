#include "gofer/client/name_memory.h"

#include <fcntl.h>
#include <linux/limits.h>

#include <cstring>
#include <utility>
#include <vector>

#include "gofer/client/request_builder.h"

namespace moat::gofer {
namespace {

// An open in a remembered directory costs a little more than one of a remembered name.
constexpr unsigned kBeforeOpen = 3;
// A stat there costs what one of a remembered name does, but for a name that is missing.
constexpr unsigned kBeforeStat = 3;
// A directory is worth more than a name, and a walk through one comes to many names.
constexpr unsigned kBeforeDirectory = 2;

Failure Missing() { return Failure{Errno(ENOENT), std::nullopt}; }

// Names are remembered as seen from the container's root, or from a directory that can be told from
// all others.
std::optional<NameCache::Question> QuestionFor(const Credentials& credentials, const PathRef& path,
                                               LookFor look_for) {
  if (path.path.empty() || path.root >= 0) return std::nullopt;
  NameCache::Question question = {credentials, path.path, look_for, -1, {}};
  if (path.base < 0 || path.path[0] == '/') return question;
  if (!path.base_id) return std::nullopt;
  question.base = path.base;
  question.base_id = *path.base_id;
  return question;
}

LookFor Wanted(Follow follow) { return follow == Follow::kYes ? LookFor::kTarget : LookFor::kName; }

// A path's last step, and what is before it.
struct Split {
  absl::string_view directory, name;
};

// Nothing when the last step is not a plain name: the kernel has rules of its own for those.
std::optional<Split> SplitOffName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const absl::string_view name = slash == absl::string_view::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX) return std::nullopt;
  if (slash == absl::string_view::npos) return Split{".", name};
  return Split{slash == 0 ? "/" : path.substr(0, slash), name};
}

// Whether a single step ends at `found`: in the directory's own mount, at no symlink that leads on.
bool EndsWalk(const struct statx& found, Follow follow) {
  if ((found.stx_mask & STATX_TYPE) == 0) return false;
  constexpr uint64_t kMountRoot = STATX_ATTR_MOUNT_ROOT;
  if ((found.stx_attributes_mask & kMountRoot) == 0 || (found.stx_attributes & kMountRoot) != 0) {
    return false;
  }
  return follow == Follow::kNo || !S_ISLNK(found.stx_mode);
}

// Whether this process may look names up there: it has no capabilities.
bool MaySearch(int directory) {
  struct statx attributes;
  return ::statx(directory, ".", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &attributes) == 0;
}

std::optional<Outcome<struct statx>> StatIn(int directory, const std::string& name, Follow follow,
                                            uint32_t mask) {
  struct statx found;
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(directory, name.c_str(), kFlags, mask, &found) != 0) {
    if (errno == ENOENT) return Missing();
    return std::nullopt;
  }
  if (!EndsWalk(found, follow)) return std::nullopt;
  return found;
}

// What the kernel finds there, without the step itself.
Channel::Memory LookIn(int directory, const std::string& name, Follow follow) {
  struct statx found;
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_UID;
  if (::statx(directory, name.c_str(), kFlags, kMask, &found) != 0) {
    return {.known = errno == ENOENT, .missing = errno == ENOENT};
  }
  if (!EndsWalk(found, follow)) return {};
  return {.known = true, .mode = found.stx_mode, .uid = found.stx_uid};
}

}  // namespace

std::optional<Outcome<struct statx>> NameMemory::Stat(const Credentials& credentials,
                                                      const PathRef& path, Follow follow,
                                                      uint32_t mask) {
  const auto question = QuestionFor(credentials, path, Wanted(follow));
  if (!names_ || !question) return std::nullopt;
  NameCache::Found found = Look(*question, kBeforeStat);
  if (!found.known) {
    if (auto step = FindDirectory(credentials, path, found.current)) {
      if (step->directory < 0) return Missing();
      auto answer = StatIn(step->directory, step->name, follow, mask);
      const bool missing = answer && std::holds_alternative<Failure>(*answer);
      if (answer && !(missing && found.ask)) return answer;
    }
    if (!found.ask) return std::nullopt;
    found.known = Resolve(*question);
    if (!found.known) return std::nullopt;
  }
  if (!found.known->file) return Missing();
  struct statx attributes;
  if (::statx(found.known->file->get(), "", AT_EMPTY_PATH, mask, &attributes) != 0) {
    return std::nullopt;
  }
  return attributes;
}

Channel::Memory NameMemory::Find(const Credentials& credentials, const PathRef& path,
                                 Follow follow) {
  const auto question = QuestionFor(credentials, path, Wanted(follow));
  if (!names_ || !question) return {};
  NameCache::Found found = Look(*question, kBeforeOpen);
  if (!found.known && found.ask) found.known = Resolve(*question);
  if (found.known && !found.known->file) return {.known = true, .missing = true};
  std::optional<LastStep> step;
  if (!found.known || found.known->is_plain || follow == Follow::kNo) {
    step = FindDirectory(credentials, path, found.current);
  }
  Channel::Memory memory;
  if (found.known) {
    memory = {.known = true,
              .file = std::move(found.known->file),
              .mode = found.known->mode,
              .uid = found.known->uid};
  } else if (step) {
    if (step->directory < 0) return {.known = true, .missing = true};
    memory = LookIn(step->directory, step->name, follow);
  }
  if (step && memory.known && !memory.missing) {
    memory.directory = step->directory;
    memory.held = std::move(step->held);
    memory.name = std::move(step->name);
  }
  return memory;
}

NameCache::Found NameMemory::Look(const NameCache::Question& question, unsigned before,
                                  bool current) {
  constexpr unsigned kNever = ~0U;
  return names_->Find(question, may_ask_ == MayAsk::kYes ? before : kNever, current);
}

std::optional<NameMemory::LastStep> NameMemory::FindDirectory(const Credentials& credentials,
                                                              const PathRef& path, bool current) {
  const auto split = SplitOffName(path.path);
  if (!split) return std::nullopt;
  PathRef parent = path;
  parent.path = split->directory;
  const auto question = QuestionFor(credentials, parent, LookFor::kDirectory);
  if (!question) return std::nullopt;
  NameCache::Found found = Look(*question, kBeforeDirectory, current);
  if (!found.known && found.ask) found.known = Resolve(*question);
  if (!found.known) return std::nullopt;
  LastStep step = {std::string(split->name)};
  if (found.known->is_base) {
    step.directory = question->base;
  } else if (found.known->file) {
    step.directory = found.known->file->get();
    step.held = std::move(found.known->file);
  }
  return step;
}

std::optional<NameCache::Known> NameMemory::Resolve(const NameCache::Question& question) {
  const uint64_t moment = names_->Moment();
  const PathRef path = {.path = question.path, .base = question.base};
  auto outcome = RequestBuilder(Operation::kResolve, question.credentials, path)
                     .Arguments(static_cast<unsigned>(question.look_for))
                     .CallOn(exchange_);
  auto* answer = std::get_if<Answer>(&outcome);
  if (!answer || answer->body.size() % sizeof(Watched) != 0 ||
      (answer->value != 0 && answer->value != ENOENT)) {
    names_->GiveUp(question);
    return std::nullopt;
  }
  std::vector<Watched> walk(answer->body.size() / sizeof(Watched));
  std::memcpy(walk.data(), answer->body.data(), answer->body.size());
  NameCache::Known known;
  if (answer->value == 0) {
    struct statx found;
    constexpr unsigned kMask = STATX_TYPE | STATX_MODE | STATX_UID;
    if (::statx(answer->fd.get(), "", AT_EMPTY_PATH, kMask, &found) != 0) return std::nullopt;
    known.file = std::make_shared<const Fd>(std::move(answer->fd));
    known.mode = found.stx_mode;
    known.uid = found.stx_uid;
  }
  if (question.look_for == LookFor::kDirectory && known.file) {
    if (!MaySearch(known.file->get())) {
      names_->GiveUp(question);
      return std::nullopt;
    }
    known.is_base = question.path == "." && question.base >= 0;
    if (known.is_base) known.file.reset();
  }
  const auto split = SplitOffName(question.path);
  known.is_plain = split && !walk.empty() && walk.back().name == HashName(split->name);
  names_->Insert(question, known, walk, moment);
  return known;
}

void NameMemory::Refresh() {
  if (names_) names_->Refresh();
}

}  // namespace moat::gofer
