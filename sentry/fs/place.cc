#include "sentry/fs/place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sentry/container.h"
#include "sentry/fs/root_directory.h"
#include "sentry/task/task_cache.h"

namespace moat::sentry {
namespace {

// An absolute path without the steps at its start that lead nowhere: "//./../proc/x" is "/proc/x".
absl::string_view WithoutRootSteps(absl::string_view path) {
  for (;;) {
    const size_t start = path.find_first_not_of('/');
    if (start == absl::string_view::npos) return "/";
    const absl::string_view first = path.substr(start, path.find('/', start) - start);
    if (first != "." && first != "..") return path.substr(start - 1);
    path.remove_prefix(start + first.size());
  }
}

Result<Place> AbsolutePlace(Call& call, const std::string& path) {
  TRY_ASSIGN(Fd root, call.RootDirectory());
  if (!root && IsLexicallyVirtual(path))
    return Place(VirtualPlace{std::string(WithoutRootSteps(path))});
  return Place(TreePlace{nullptr, std::move(root), path});
}

// Where a walk starts.
struct Start {
  std::shared_ptr<const Fd> base;
  std::optional<std::string> virtual_path;  // a directory of the virtual tree
  std::optional<gofer::FileId> id;          // one of the container's, where it can be told
};

Start StartAt(Call& call, std::shared_ptr<const Fd> base, const struct statx& attributes) {
  if (!S_ISDIR(attributes.stx_mode)) return {std::move(base), {}, {}};
  if (auto path = call.container().tree->PathOfDirectory(attributes)) {
    return {std::move(base), std::move(path), {}};
  }
  return {std::move(base), {}, gofer::FileId::From(attributes)};
}

Start LookAt(Call& call, Fd base) {
  auto held = std::make_shared<const Fd>(std::move(base));
  struct statx attributes {};
  constexpr unsigned kMask = STATX_BASIC_STATS | gofer::kFileIdMask;
  if (::statx(held->get(), "", AT_EMPTY_PATH, kMask, &attributes) != 0)
    return {std::move(held), {}, {}};
  return StartAt(call, std::move(held), attributes);
}

Result<Start> FindStart(Call& call, int dirfd) {
  if (dirfd != AT_FDCWD) {
    TRY_ASSIGN(Fd base, call.TakeFd(dirfd));
    return LookAt(call, std::move(base));
  }
  TRY_ASSIGN(const auto directory, call.WorkingDirectory());
  return StartAt(call, {directory, &directory->fd}, directory->identity);
}

}  // namespace

Result<PathArg> ReadPathArg(Call& call, int dirfd, platform::GuestAddr address, int at_flags) {
  const bool may_be_empty = (at_flags & AT_EMPTY_PATH) != 0;
  if (address.null() && may_be_empty) return PathArg{dirfd, ""};
  TRY_ASSIGN(std::string path, call.ReadPath(address));
  if (path.empty() && !may_be_empty) return Errno(ENOENT);
  return PathArg{dirfd, std::move(path)};
}

bool IsLexicallyVirtual(absl::string_view path) {
  if (!absl::StartsWith(path, "/")) return false;
  const absl::string_view clean = WithoutRootSteps(path);
  const absl::string_view first = clean.substr(0, clean.find('/', 1));
  return first == "/proc" || first == "/sys";
}

Result<Place> Locate(Call& call, const PathArg& where) {
  if (!where.scoped && absl::StartsWith(where.path, "/")) return AbsolutePlace(call, where.path);
  TRY_ASSIGN(Start start, FindStart(call, where.dirfd));
  if (start.virtual_path) {
    if (where.path.empty()) return Place(VirtualPlace{*std::move(start.virtual_path)});
    return Place(VirtualPlace{absl::StrCat(*start.virtual_path, "/", where.path)});
  }
  TRY_ASSIGN(Fd root, call.RootDirectory());
  return Place(TreePlace{std::move(start.base), std::move(root), where.path, start.id});
}

Result<Place> PlaceBehind(Call& call, LeftTree left) {
  if (!left.base) {
    TRY_ASSIGN(Fd root, call.RootDirectory());
    if (!root) return AbsolutePlace(call, absl::StrCat("/", left.rest));
    // Out of a tree that the caller's root does not hold: the "/" there is the container's.
    TRY_ASSIGN(Fd top, OpenContainerRoot(call));
    return Place(TreePlace{std::make_shared<const Fd>(std::move(top)), std::move(root),
                           left.rest.empty() ? "." : left.rest});
  }
  const Start start = LookAt(call, std::move(left.base));
  if (start.virtual_path && !left.rest.empty()) {
    return Place(VirtualPlace{absl::StrCat(*start.virtual_path, "/", left.rest)});
  }
  TRY_ASSIGN(Fd root, call.RootDirectory());
  return Place(TreePlace{start.base, std::move(root), std::move(left.rest)});
}

}  // namespace moat::sentry
