#include "sentry/join_service.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "base/pidfd.h"
#include "base/status.h"

namespace moat::sentry {
namespace {

using nlohmann::json;

Joiner MakeJoiner(std::vector<std::string> strings, Fd client) {
  const auto socket = std::make_shared<Fd>(std::move(client));
  Joiner joiner;
  joiner.strings = std::move(strings);
  // Whoever asked may have gone: then nobody wants to know.
  joiner.executed = [socket] { (void)SendBootMessage(socket->get(), "executed"); };
  joiner.failed = [socket](loader::JoinStep step, int error) {
    const bool directory = step == loader::JoinStep::kChangeDirectory;
    (void)SendBootMessage(socket->get(), "failed",
                          {{"errno", error}, {"step", directory ? "chdir" : "execve"}});
  };
  return joiner;
}

}  // namespace

absl::Status JoinService::Join(BootMessage& request, const Fd& client) {
  ASSIGN_OR_RETURN(JoinRequest join, ParseJoin(request));
  ASSIGN_OR_RETURN(const pid_t tgid, PidOf(join.process.get()));
  Fd socket(::fcntl(client.get(), F_DUPFD_CLOEXEC, 0));
  if (!socket) return ErrnoStatus(errno, "fcntl", "F_DUPFD_CLOEXEC");
  ASSIGN_OR_RETURN(auto platform, make_platform_(std::move(join.listener), join.cookie));
  // Before its first trap can be answered.
  container_.joiners.Add(tgid, MakeJoiner(std::move(join.strings), std::move(socket)));
  const absl::Status served = filters_.Add(std::move(platform), [this, tgid] {
    container_.joiners.Drop(tgid);
    container_.cache->ForgetGroup(tgid);
  });
  if (!served.ok()) container_.joiners.Drop(tgid);
  return served;
}

}  // namespace moat::sentry
