// kResolve: a walk that says how long its result holds. Component by component, as whom and from
// where the request says; every directory is watched before a name is looked up in it, so that a
// change that comes later is reported. Whatever is not plain is left to the system calls
// (EOPNOTSUPP): it costs time, not truth.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gofer/protocol/watched.h"
#include "gofer/server/calls.h"

namespace moat::gofer {
namespace {

constexpr int kMaxSymlinks = 40;  // MAXSYMLINKS, path_resolution(7)
constexpr unsigned kLooked = STATX_TYPE | STATX_MODE | STATX_MNT_ID;

class Resolver {
 public:
  explicit Resolver(Job& job)
      : job_(job), look_for_(static_cast<LookFor>(job.Wide(0))), rest_(job.request.path) {}

  Performed Run();

 private:
  enum class Step { kOn, kFound, kMissing, kNotPlain };

  Step Next();
  Step Enter(absl::string_view name, Fd file);
  Step FollowLink(const Fd& link);
  bool StaysAtStart() const;
  bool MaySearch();
  bool Note(absl::string_view name);
  bool GoToStart();
  bool GoToRoot();

  Job& job_;
  const LookFor look_for_;
  std::string rest_;
  Fd directory_;
  Fd found_;
  int links_ = 0;
  size_t count_ = 0;  // of Watched in the scratch buffer
};

bool Resolver::GoToRoot() {
  directory_.Reset(::openat(job_.identity.root(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return directory_.valid();
}

bool Resolver::GoToStart() {
  if (absl::StartsWith(rest_, "/")) return GoToRoot();
  directory_.Reset(::openat(job_.base, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statx attributes;
  return directory_ &&
         ::statx(directory_.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &attributes) == 0 &&
         job_.mounts.NameOf(attributes.stx_mnt_id).empty();
}

bool Resolver::Note(absl::string_view name) {
  if (count_ == kMaxWatched) return false;
  const auto watch = job_.watches.Watch(directory_.get());
  if (!watch.ok()) return false;
  const Watched step = {watch.value(), name == ".." ? 0 : HashName(name)};
  std::memcpy(job_.scratch.data() + count_++ * sizeof(step), &step, sizeof(step));
  return true;
}

Resolver::Step Resolver::FollowLink(const Fd& link) {
  // protected_symlinks (proc(5)) looks at who owns what: not ours to repeat.
  struct stat directory;
  if (++links_ > kMaxSymlinks || ::fstat(directory_.get(), &directory) < 0 ||
      (directory.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH)) {
    return Step::kNotPlain;
  }
  std::string target(kMaxPath + 1, '\0');
  const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
  if (size <= 0 || static_cast<size_t>(size) > kMaxPath) return Step::kNotPlain;
  target.resize(static_cast<size_t>(size));
  if (absl::StartsWith(target, "/") && !GoToRoot()) return Step::kNotPlain;
  rest_ = absl::StrCat(target, rest_);
  return rest_.size() <= kMaxPath ? Step::kOn : Step::kNotPlain;
}

// Goes on from `file`, which `name` was looked up as. rest_ is what comes behind it.
Resolver::Step Resolver::Enter(absl::string_view name, Fd file) {
  struct statx attributes;
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, kLooked, &attributes) < 0 ||
      !job_.mounts.NameOf(attributes.stx_mnt_id).empty()) {
    return Step::kNotPlain;
  }
  const bool last = rest_.empty();
  if (S_ISLNK(attributes.stx_mode) && (!last || look_for_ != LookFor::kName))
    return FollowLink(file);
  if (last) {
    if (name == ".." || !ReportsChanges(file.get())) return Step::kNotPlain;
    found_ = std::move(file);
    return Step::kFound;
  }
  if (!S_ISDIR(attributes.stx_mode)) return Step::kNotPlain;
  directory_ = std::move(file);
  return Step::kOn;
}

Resolver::Step Resolver::Next() {
  const size_t start = rest_.find_first_not_of('/');
  if (start == std::string::npos) return Step::kNotPlain;  // "/", or a slash at the end
  const size_t end = std::min(rest_.find('/', start), rest_.size());
  const std::string name = rest_.substr(start, end - start);
  rest_.erase(0, end);
  if (name == "." || name.size() > NAME_MAX || !Note(name)) return Step::kNotPlain;
  Fd file(::openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return errno == ENOENT ? Step::kMissing : Step::kNotPlain;
  return Enter(name, std::move(file));
}

// Whether the path is the directory that it starts at.
bool Resolver::StaysAtStart() const {
  return rest_ == "." || rest_.find_first_not_of('/') == std::string::npos;
}

// What was found is a directory in which the caller may look names up; from now on a change of its
// rights is reported.
bool Resolver::MaySearch() {
  directory_ = std::move(found_);
  if (!Note("..")) return false;
  found_.Reset(::openat(directory_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return found_.valid();
}

Performed Resolver::Run() {
  if (!job_.identity.in_container_root() || job_.Wide(0) > static_cast<uint64_t>(kLastLookFor) ||
      !GoToStart()) {
    return Failed(EOPNOTSUPP);
  }
  Step step = Step::kOn;
  if (look_for_ == LookFor::kDirectory && StaysAtStart()) {
    found_ = std::move(directory_);
    step = Step::kFound;
  }
  while (step == Step::kOn) step = Next();
  if (step == Step::kNotPlain) return Failed(EOPNOTSUPP);
  if (step == Step::kFound && look_for_ == LookFor::kDirectory && !MaySearch()) {
    return Failed(EOPNOTSUPP);
  }
  Performed performed;
  performed.value = step == Step::kMissing ? ENOENT : 0;
  performed.fd = std::move(found_);
  performed.body = absl::string_view(job_.scratch.data(), count_ * sizeof(Watched));
  return performed;
}

}  // namespace

Performed Resolve(Job& job) { return Resolver(job).Run(); }

}  // namespace moat::gofer
