#include "runtime/namespaces/child_step.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/fd_message.h"
#include "base/status.h"

namespace moat::namespaces {
namespace {

using nlohmann::json;

// As large as a socket's default send buffer lets a packet be, with room to spare.
constexpr size_t kMaxHandoverBytes = 160 * 1024;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

[[noreturn]] void RunAndReport(int socket, const std::function<absl::StatusOr<Handover>()>& step) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  absl::StatusOr<Handover> result = step();
  json message = {{"status", StatusToJson(result.status())}};
  std::vector<int> fds;
  if (result.ok()) {
    message["values"] = std::move(result->values);
    for (const Fd& fd : result->fds) fds.push_back(fd.get());
  }
  const absl::Status sent = SendMessage(socket, Dump(message), fds);
  ::_exit(sent.ok() ? 0 : 1);
}

}  // namespace

json StatusToJson(const absl::Status& status) {
  return {{"code", static_cast<int>(status.code())},
          {"message", std::string(status.message())},
          {"errno", StatusErrno(status)}};
}

absl::Status StatusFromJson(const json& value) {
  if (!value.is_object() || !value.contains("code") || !value.contains("message")) {
    return absl::InternalError("a set-up process answered something else than a status");
  }
  const auto code = static_cast<absl::StatusCode>(value.value("code", 0));
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  const absl::Status status(code, value.value("message", ""));
  return WithErrno(status, value.value("errno", 0));
}

ChildStep& ChildStep::operator=(ChildStep&& other) noexcept {
  std::swap(child_, other.child_);
  std::swap(answer_, other.answer_);
  return *this;
}

ChildStep::~ChildStep() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  Reap();
}

void ChildStep::Reap() {
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

absl::StatusOr<ChildStep> ChildStep::Start(const std::function<absl::StatusOr<Handover>()>& step) {
  ASSIGN_OR_RETURN(auto ends, SocketPair());
  const pid_t child = ::fork();
  if (child < 0) return ErrnoStatus(errno, "fork", "");
  if (child == 0) {
    ends.first.Reset();
    RunAndReport(ends.second.get(), step);
  }
  return ChildStep(child, std::move(ends.first));
}

absl::StatusOr<Handover> ChildStep::Finish() {
  const absl::Cleanup reap = [this] { Reap(); };
  ASSIGN_OR_RETURN(FdMessage answer,
                   ReceiveMessage(answer_.get(), kMaxHandoverBytes, kMaxHandoverFds));
  json message = json::parse(answer.data, nullptr, /*allow_exceptions=*/false);
  if (!message.is_object()) {
    return absl::InternalError("a set-up process died before it could answer");
  }
  RETURN_IF_ERROR(StatusFromJson(message["status"]));
  return Handover{std::move(message["values"]), std::move(answer.fds)};
}

absl::StatusOr<Handover> RunInChild(const std::function<absl::StatusOr<Handover>()>& step) {
  ASSIGN_OR_RETURN(ChildStep child, ChildStep::Start(step));
  return child.Finish();
}

}  // namespace moat::namespaces
