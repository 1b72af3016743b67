// Runs one operation on a path wherever it leads: in the container's tree, in the virtual one, or
// back and forth between them.
//
//   return OnPath<Unit>(
//       call, where,
//       [&](const Caller& caller, const TreePlace& place) {
//         return call.gofer().Mkdir(caller.credentials, place.ref(), mode);
//       },
//       [&](const Caller& caller, absl::string_view path) {
//         return call.container().tree->Modify(caller.viewer(), path);
//       });
#ifndef MOAT_SENTRY_FS_ON_PATH_H_
#define MOAT_SENTRY_FS_ON_PATH_H_

#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "base/result.h"
#include "gofer/client/client.h"
#include "sentry/call.h"
#include "sentry/container.h"
#include "sentry/fs/place.h"
#include "sentry/proc/virtual_tree.h"

namespace moat::sentry {

// As whom an operation is made.
struct Caller {
  TaskInfo task;
  gofer::Credentials credentials;
  Viewer viewer() const { return {&task}; }
};

// Whose rights count: those of the file system ids, or, for access(2), of the real ones.
enum class Identity { kFile, kReal };

// The caller, confirmed (Call::ConfirmedTask). To be called last before acting.
Result<Caller> Identify(Call& call, Identity identity = Identity::kFile);

// As many as Linux follows symlinks (MAXSYMLINKS): between two trees a walk can't go on longer.
inline constexpr int kMaxHops = 40;

// `in_tree(const TreePlace&)` gives a gofer::Outcome<T>, `in_virtual(path)` a VirtualResult<T>.
template <typename T, typename InTree, typename InVirtual>
Result<T> FromPlace(Call& call, Place place, InTree in_tree, InVirtual in_virtual) {
  for (int hop = 0; hop < kMaxHops; ++hop) {
    if (const auto* tree = std::get_if<TreePlace>(&place)) {
      gofer::Outcome<T> outcome = in_tree(*tree);
      if (auto* value = std::get_if<0>(&outcome)) return std::move(*value);
      auto& failure = std::get<gofer::Failure>(outcome);
      if (!failure.crossing) return failure.error;
      place = VirtualPlace{std::move(failure.crossing->path)};
    } else {
      VirtualResult<T> result = in_virtual(absl::string_view(std::get<VirtualPlace>(place).path));
      if (auto* value = std::get_if<0>(&result)) return std::move(*value);
      if (auto* error = std::get_if<Errno>(&result)) return *error;
      TRY_ASSIGN(place, PlaceBehind(call, std::move(std::get<LeftTree>(result))));
    }
  }
  return Errno(ELOOP);
}

template <typename T, typename InTree, typename InVirtual>
Result<T> OnPath(Call& call, const PathArg& where, InTree in_tree, InVirtual in_virtual,
                 Identity identity = Identity::kFile) {
  TRY_ASSIGN(Place place, Locate(call, where));
  TRY_ASSIGN(const Caller caller, Identify(call, identity));
  return FromPlace<T>(
      call, std::move(place), [&](const TreePlace& at) { return in_tree(caller, at); },
      [&](absl::string_view path) { return in_virtual(caller, path); });
}

// An operation that would change the file system: `in_tree` as for OnPath. The virtual tree says
// why it can't be changed; `follow` as the call does with a symbolic link in the last place.
template <typename InTree>
Outcome ChangePath(Call& call, const PathArg& where, gofer::Follow follow, InTree in_tree) {
  auto done = OnPath<Unit>(call, where, in_tree, [&](const Caller& caller, absl::string_view path) {
    return call.container().tree->Modify(caller.viewer(), path, follow == gofer::Follow::kYes);
  });
  if (!done.ok()) return done.error();
  return Value{0};
}

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_ON_PATH_H_
