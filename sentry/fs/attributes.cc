#include "sentry/fs/attributes.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>

#include <variant>

#include "sentry/fs/on_path.h"

namespace moat::sentry {
namespace {

// A descriptor behind a magic link is looked at itself, whatever the caller's flags.
int FlagsAt(const TreePlace& place, int at_flags) {
  return place.is_descriptor() ? at_flags | AT_EMPTY_PATH : at_flags;
}

// Needs nobody's permission, so not the gofer either.
gofer::Outcome<struct statx> StatDescriptor(const Fd& fd, uint32_t mask) {
  struct statx attributes {};
  if (::statx(fd.get(), "", AT_EMPTY_PATH, mask, &attributes) == 0) return attributes;
  return gofer::Failure{Errno::Last(), {}};
}

}  // namespace

Result<struct statx> StatPath(Call& call, const PathArg& where, int at_flags, uint32_t mask) {
  const bool follow = (at_flags & AT_SYMLINK_NOFOLLOW) == 0;
  return OnPath<struct statx>(
      call, where,
      [&](const Caller& caller, const TreePlace& place) -> gofer::Outcome<struct statx> {
        if (place.is_descriptor()) return StatDescriptor(*place.base, mask);
        return call.gofer().Stat(caller.credentials, place.ref(), at_flags, mask);
      },
      [&](const Caller& caller, absl::string_view path) {
        return call.container().tree->Stat(caller.viewer(), path, follow);
      });
}

struct statfs VirtualStatFs(long magic) {
  struct statfs answer {};
  answer.f_type = magic;
  answer.f_bsize = 4096;
  answer.f_frsize = 4096;
  answer.f_namelen = NAME_MAX;
  constexpr long kValid = 0x20;  // ST_VALID of include/linux/statfs.h
  answer.f_flags = kValid | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RELATIME;
  return answer;
}

Result<struct statfs> StatFsPath(Call& call, const PathArg& where) {
  return OnPath<struct statfs>(
      call, where,
      [&](const Caller& caller, const TreePlace& place) -> gofer::Outcome<struct statfs> {
        if (!place.is_descriptor()) return call.gofer().StatFs(caller.credentials, place.ref());
        struct statfs answer {};
        if (::fstatfs(place.base->get(), &answer) == 0) return answer;
        return gofer::Failure{Errno::Last(), {}};
      },
      [&](const Caller& caller, absl::string_view path) -> VirtualResult<struct statfs> {
        auto attributes = call.container().tree->Stat(caller.viewer(), path, /*follow=*/true);
        if (auto* error = std::get_if<Errno>(&attributes)) return *error;
        if (auto* left = std::get_if<LeftTree>(&attributes)) return std::move(*left);
        const long magic = call.container().tree->MagicOf(std::get<struct statx>(attributes));
        return VirtualStatFs(magic != 0 ? magic : PROC_SUPER_MAGIC);
      });
}

Result<Unit> CheckAccess(Call& call, const PathArg& where, int mode, int at_flags) {
  const Identity identity = (at_flags & AT_EACCESS) != 0 ? Identity::kFile : Identity::kReal;
  const bool follow = (at_flags & AT_SYMLINK_NOFOLLOW) == 0;
  const int gofer_flags = at_flags & ~AT_EACCESS;
  return OnPath<Unit>(
      call, where,
      [&](const Caller& caller, const TreePlace& place) {
        return call.gofer().Access(caller.credentials, place.ref(), mode,
                                   FlagsAt(place, gofer_flags));
      },
      [&](Caller caller, absl::string_view path) {
        if (identity == Identity::kFile) {  // the virtual tree goes by the real ids
          caller.task.uid.real = caller.task.uid.fs;
          caller.task.gid.real = caller.task.gid.fs;
        }
        return call.container().tree->Access(caller.viewer(), path, mode, follow);
      },
      identity);
}

Result<std::string> ReadLinkPath(Call& call, const PathArg& where) {
  return OnPath<std::string>(
      call, where,
      [&](const Caller& caller, const TreePlace& place) -> gofer::Outcome<std::string> {
        if (place.is_descriptor()) {
          if (auto path = call.container().tree->PathOfLink(*place.base)) {
            return gofer::Failure{Errno(ELOOP), gofer::Crossing{*std::move(path)}};
          }
        }
        return call.gofer().ReadLink(caller.credentials, place.ref());
      },
      [&](const Caller& caller, absl::string_view path) {
        return call.container().tree->ReadLink(caller.viewer(), path);
      });
}

}  // namespace moat::sentry
