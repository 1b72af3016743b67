#include "sentry/fs/two_paths.h"

#include <fcntl.h>

#include <utility>
#include <variant>

#include "sentry/fs/on_path.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

using gofer::Failure;

// A crossing on either side means that the two lie on different file systems.
Outcome AnswerOf(gofer::Outcome<Unit> outcome) {
  const auto* failure = std::get_if<Failure>(&outcome);
  if (failure == nullptr) return Value{0};
  return failure->crossing ? Errno(EXDEV) : failure->error;
}

bool IsVirtual(const Place& place) { return std::holds_alternative<VirtualPlace>(place); }

// The object behind `from`, with every link followed, wherever it is.
Result<TreePlace> Resolve(Call& call, const PathArg& from) {
  TRY_ASSIGN(auto opened, OpenFile(call, {.where = from, .flags = O_PATH}));
  return TreePlace{std::move(opened.fd), Fd(), ""};
}

}  // namespace

Outcome RenamePaths(Call& call, const PathArg& from, const PathArg& to, uint32_t flags) {
  TRY_ASSIGN(const Place old_place, Locate(call, from));
  TRY_ASSIGN(const Place new_place, Locate(call, to));
  TRY_ASSIGN(const Caller caller, Identify(call));
  if (IsVirtual(old_place) != IsVirtual(new_place)) return Errno(EXDEV);
  if (IsVirtual(old_place)) {
    return ChangePath(call, from, gofer::Follow::kNo,
                      [](const Caller&, const TreePlace&) -> gofer::Outcome<Unit> {
                        return Failure{Errno(EXDEV), {}};
                      });
  }
  return AnswerOf(call.gofer().Rename(caller.credentials, std::get<TreePlace>(old_place).ref(),
                                      std::get<TreePlace>(new_place).ref(), flags));
}

Outcome LinkPaths(Call& call, const PathArg& from, const PathArg& to, int at_flags) {
  TRY_ASSIGN(Place old_place, Locate(call, from));
  TRY_ASSIGN(const Place new_place, Locate(call, to));
  TRY_ASSIGN(const Caller caller, Identify(call));
  const bool follow = (at_flags & AT_SYMLINK_FOLLOW) != 0;
  if (IsVirtual(new_place) || (IsVirtual(old_place) && !follow)) return Errno(EXDEV);
  const gofer::PathRef target = std::get<TreePlace>(new_place).ref();
  if (!IsVirtual(old_place)) {
    auto linked = call.gofer().Link(caller.credentials, std::get<TreePlace>(old_place).ref(),
                                    target, at_flags);
    const auto* failure = std::get_if<Failure>(&linked);
    if (failure == nullptr || !failure->crossing || !follow) return AnswerOf(std::move(linked));
  }
  TRY_ASSIGN(const TreePlace object, Resolve(call, from));
  return AnswerOf(call.gofer().Link(caller.credentials, object.ref(), target, AT_EMPTY_PATH));
}

}  // namespace moat::sentry
