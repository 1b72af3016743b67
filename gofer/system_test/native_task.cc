#include "gofer/system_test/native_task.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/fd_message.h"
#include "base/status.h"

namespace moat::gofer {
namespace {

absl::Status Check(long result, absl::string_view call) {
  return result < 0 ? ErrnoStatus(errno, call, "") : absl::OkStatus();
}

absl::Status TakeOn(const Credentials& credentials) {
  RETURN_IF_ERROR(Check(::prctl(PR_SET_KEEPCAPS, 1), "prctl"));
  RETURN_IF_ERROR(
      Check(::setgroups(credentials.groups.size(), credentials.groups.data()), "setgroups"));
  const uint32_t gid = credentials.gid, uid = credentials.uid;
  RETURN_IF_ERROR(Check(::setresgid(gid, gid, gid), "setresgid"));
  RETURN_IF_ERROR(Check(::setresuid(uid, uid, uid), "setresuid"));
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    data[half].permitted = data[half].effective =
        static_cast<uint32_t>(credentials.capabilities >> (32 * half));
  }
  RETURN_IF_ERROR(Check(::syscall(SYS_capset, &header, data), "capset"));
  ::umask(credentials.umask);
  return absl::OkStatus();
}

// "index path" comes in with the base's descriptor, the call's words go out.
void Serve(int socket, const std::vector<PairedCall>& calls) {
  for (;;) {
    auto message = ReceiveMessage(socket, 8192, 1);
    if (!message.ok() || message->data.empty() || message->fds.size() != 1) return;
    const size_t space = message->data.find(' ');
    size_t index = 0;
    if (!absl::SimpleAtoi(message->data.substr(0, space), &index) || index >= calls.size()) return;
    const Subject subject = {message->fds[0].get(), message->data.substr(space + 1)};
    if (!SendMessage(socket, absl::StrCat(" ", calls[index].native(subject))).ok()) return;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<NativeTask>> NativeTask::Start(
    const TestCage& cage, const Credentials& credentials, const std::vector<PairedCall>& calls) {
  ASSIGN_OR_RETURN(auto pair, SocketPair());
  const pid_t pid = ::fork();
  RETURN_IF_ERROR(Check(pid, "fork"));
  if (pid == 0) {
    pair.first.Reset();
    absl::Status status = cage.Enter();
    if (status.ok()) status = TakeOn(credentials);
    const std::string word = status.ok() ? "ok" : std::string(status.message());
    if (SendMessage(pair.second.get(), word).ok() && status.ok()) Serve(pair.second.get(), calls);
    ::_exit(0);
  }
  pair.second.Reset();
  std::unique_ptr<NativeTask> task(new NativeTask(pid, std::move(pair.first)));
  ASSIGN_OR_RETURN(const FdMessage message, ReceiveMessage(task->socket_.get(), 1024, 0));
  if (message.data != "ok") return absl::InternalError(message.data);
  return task;
}

NativeTask::~NativeTask() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::string> NativeTask::Run(size_t index, const Subject& subject) {
  RETURN_IF_ERROR(
      SendMessage(socket_.get(), absl::StrCat(index, " ", subject.path), {subject.base}));
  ASSIGN_OR_RETURN(const FdMessage answer, ReceiveMessage(socket_.get(), 65536, 0));
  if (answer.data.empty()) return absl::InternalError("the native task died");
  return answer.data.substr(1);
}

}  // namespace moat::gofer
