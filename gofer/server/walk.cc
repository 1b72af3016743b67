#include "gofer/server/walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {
namespace {

constexpr int kMaxSymlinks = 40;  // MAXSYMLINKS, path_resolution(7)

class Walk {
 public:
  Walk(const VirtualMounts& mounts, const WalkStart& start)
      : mounts_(mounts), start_(start), current_(start.base), rest_(start.path) {}

  std::optional<std::string> Run();

 private:
  enum class Step { kOn, kCrossed, kEnd };

  // Takes the next component off rest_, which keeps the slashes behind it.
  std::string NextName();
  Step Enter(const std::string& name);
  Step Follow(const std::string& name, const Fd& link);

  const VirtualMounts& mounts_;
  const WalkStart& start_;
  int current_;  // borrowed, or held_
  Fd held_;
  std::string rest_;
  int symlinks_ = 0;
  absl::string_view crossed_;
};

std::optional<std::string> Walk::Run() {
  if (rest_.empty()) return std::nullopt;
  if (rest_[0] == '/') current_ = start_.root;
  for (;;) {
    const std::string name = NextName();
    if (name.empty()) return std::nullopt;
    if (name == ".") continue;
    switch (Enter(name)) {
      case Step::kOn:
        continue;
      case Step::kCrossed:
        return absl::StrCat(crossed_, rest_);
      case Step::kEnd:
        return std::nullopt;
    }
  }
}

std::string Walk::NextName() {
  const size_t from = rest_.find_first_not_of('/');
  if (from == std::string::npos) return "";
  const size_t to = std::min(rest_.find('/', from), rest_.size());
  std::string name = rest_.substr(from, to - from);
  rest_.erase(0, to);
  return name;
}

Walk::Step Walk::Enter(const std::string& name) {
  Fd next(::openat(current_, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct statx attributes;
  if (!next || ::statx(next.get(), "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &attributes) < 0) {
    return Step::kEnd;
  }
  crossed_ = mounts_.NameOf(attributes.stx_mnt_id);
  if (!crossed_.empty()) return Step::kCrossed;
  if (S_ISLNK(attributes.stx_mode)) return Follow(name, next);
  held_ = std::move(next);
  current_ = held_.get();
  return Step::kOn;
}

Walk::Step Walk::Follow(const std::string& name, const Fd& link) {
  const bool stays = rest_.empty() && !start_.follow_last;
  if (stays || ++symlinks_ > kMaxSymlinks) return Step::kEnd;
  // Only the kernel's own walk honours protected_symlinks (proc(5)): it says EACCES then.
  const Fd target(::openat(current_, name.c_str(), O_PATH | O_CLOEXEC));
  if (!target && errno == EACCES) return Step::kEnd;

  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlinkat(link.get(), "", text.data(), text.size());
  if (size <= 0) return Step::kEnd;
  rest_.insert(0, text.data(), static_cast<size_t>(size));
  if (rest_.size() > kMaxCrossing - sizeof("/proc")) return Step::kEnd;
  if (rest_[0] == '/') current_ = start_.root;
  return Step::kOn;
}

// The errno of opening the path by openat2(2) with `resolve`; 0 when it opens.
int TryResolve(const WalkStart& start, uint64_t resolve) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | (start.follow_last ? 0 : O_NOFOLLOW);
  how.resolve = resolve;
  const Fd fd(
      static_cast<int>(::syscall(SYS_openat2, start.base, start.path.data(), &how, sizeof(how))));
  return fd ? 0 : errno;
}

bool HasComponent(absl::string_view path, absl::string_view name) {
  for (size_t at = path.find(name); at != absl::string_view::npos; at = path.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || path[at - 1] == '/') && (end == path.size() || path[end] == '/')) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> FindCrossing(const VirtualMounts& mounts, const WalkStart& start) {
  return Walk(mounts, start).Run();
}

bool MayCross(const WalkStart& start) {
  if (TryResolve(start, RESOLVE_NO_XDEV) != EXDEV) return false;
  if (HasComponent(start.path, "proc") || HasComponent(start.path, "sys")) return true;
  return TryResolve(start, RESOLVE_NO_SYMLINKS) == ELOOP;
}

}  // namespace moat::gofer
