#include "sentry/fs/two_paths.h"

#include <fcntl.h>

#include <utility>
#include <variant>

#include "sentry/fs/on_path.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

using gofer::Failure;

Outcome AnswerOf(const gofer::Outcome<Unit>& outcome) {
  const auto* failure = std::get_if<Failure>(&outcome);
  if (failure == nullptr) return Value{0};
  return failure->error;
}

bool Crossed(const gofer::Outcome<Unit>& outcome) {
  const auto* failure = std::get_if<Failure>(&outcome);
  return failure != nullptr && failure->crossing.has_value();
}

bool IsVirtual(const Place& place) { return std::holds_alternative<VirtualPlace>(place); }

// The object behind `from`, with every link followed, wherever it is.
Result<TreePlace> Resolve(Call& call, const PathArg& from) {
  TRY_ASSIGN(auto opened, OpenFile(call, {.where = from, .flags = O_PATH}));
  return TreePlace{std::make_shared<const Fd>(std::move(opened.fd)), Fd(), ""};
}

// The last name of the path in the folder that the rest of it leads to, through the virtual tree
// and back if need be: "/proc/self/cwd/a/b" is "b" in the folder "a" of the working directory.
Result<Place> FromItsFolder(Call& call, const PathArg& where) {
  const size_t end = where.path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? end : where.path.rfind('/', end);
  if (slash == std::string::npos) return Locate(call, where);
  const PathArg folder{where.dirfd, where.path.substr(0, slash + 1)};
  TRY_ASSIGN(auto opened, OpenFile(call, {.where = folder, .flags = O_PATH | O_DIRECTORY}));
  return PlaceBehind(call, {std::move(opened.fd), where.path.substr(slash + 1)});
}

}  // namespace

Outcome RenamePaths(Call& call, const PathArg& from, const PathArg& to, uint32_t flags) {
  TRY_ASSIGN(Place old_place, Locate(call, from));
  TRY_ASSIGN(Place new_place, Locate(call, to));
  TRY_ASSIGN(const Caller caller, Identify(call));
  const auto rename = [&] {
    return call.gofer().Rename(caller.credentials, std::get<TreePlace>(old_place).ref(),
                               std::get<TreePlace>(new_place).ref(), flags);
  };
  if (!IsVirtual(old_place) && !IsVirtual(new_place)) {
    const gofer::Outcome<Unit> renamed = rename();
    if (!Crossed(renamed)) return AnswerOf(renamed);
  }
  TRY_ASSIGN(old_place, FromItsFolder(call, from));
  TRY_ASSIGN(new_place, FromItsFolder(call, to));
  if (IsVirtual(old_place) != IsVirtual(new_place)) return Errno(EXDEV);
  if (!IsVirtual(old_place)) return AnswerOf(rename());
  return ChangePath(call, from, gofer::Follow::kNo,
                    [](const Caller&, const TreePlace&) -> gofer::Outcome<Unit> {
                      return Failure{Errno(EXDEV), {}};
                    });
}

Outcome LinkPaths(Call& call, const PathArg& from, const PathArg& to, int at_flags) {
  TRY_ASSIGN(Place old_place, Locate(call, from));
  TRY_ASSIGN(Place new_place, Locate(call, to));
  TRY_ASSIGN(const Caller caller, Identify(call));
  const auto link = [&](const TreePlace& object, int flags) {
    return call.gofer().Link(caller.credentials, object.ref(), std::get<TreePlace>(new_place).ref(),
                             flags);
  };
  if (!IsVirtual(old_place) && !IsVirtual(new_place)) {
    const gofer::Outcome<Unit> linked = link(std::get<TreePlace>(old_place), at_flags);
    if (!Crossed(linked)) return AnswerOf(linked);
  }
  TRY_ASSIGN(new_place, FromItsFolder(call, to));
  if (IsVirtual(new_place)) return Errno(EXDEV);
  if ((at_flags & AT_SYMLINK_FOLLOW) != 0) {
    TRY_ASSIGN(const TreePlace object, Resolve(call, from));
    return AnswerOf(link(object, AT_EMPTY_PATH));
  }
  TRY_ASSIGN(old_place, FromItsFolder(call, from));
  if (IsVirtual(old_place)) return Errno(EXDEV);
  return AnswerOf(link(std::get<TreePlace>(old_place), at_flags));
}

}  // namespace moat::sentry
