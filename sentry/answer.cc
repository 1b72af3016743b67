#include "sentry/answer.h"

#include "sentry/audit/refuse.h"
#include "sentry/container.h"

namespace moat::sentry {

Outcome AnswerByLine(Call& call, const Entry& entry, const PolicyLine& line) {
  using Kind = policies::Action::Kind;
  if (line.action.kind == Kind::kErrno) return Refuse(call, entry, line);
  if (line.action.kind != Kind::kNotify) return Errno(ENOSYS);  // the filter was not made from it
  if (entry.handler != nullptr) return entry.handler(call);
  RecordRefusal(call, entry, line.rule, line.reason, Errno(0), RawArguments(call));
  return ContinueNative();
}

std::optional<Outcome> AnswerIfAsked(Call& call) {
  const Entry* entry = FindSyscall(call.trap().nr);
  const PolicyLine* line = call.container().calls->Decide(call.trap().nr, call.trap().args);
  if (entry == nullptr || line == nullptr) return std::nullopt;
  using Kind = policies::Action::Kind;
  // What runs is the kernel's to do, and what kills, too.
  if (line->action.kind != Kind::kNotify && line->action.kind != Kind::kErrno) return std::nullopt;
  return AnswerByLine(call, *entry, *line);
}

}  // namespace moat::sentry
