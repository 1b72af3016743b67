#include "runtime/launch/execution.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/fd_message.h"
#include "base/pidfd.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/launch/differing_namespaces.h"
#include "runtime/launch/joining_process.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/limits.h"
#include "runtime/launch/message.h"
#include "runtime/launch/program.h"

namespace moat::launch {
namespace {

constexpr char kSentry[] = "moat-sentry";
constexpr char kJoining[] = "the process that joins the container";
constexpr size_t kMaxPasswd = 1 << 20;

// The container's tree, as its gofer has it for a root. A pidfd keeps the number from being another
// process's only as long as it is alive, so that is asked afterwards.
absl::StatusOr<Fd> OpenTreeOf(int gofer_pidfd) {
  ASSIGN_OR_RETURN(const pid_t pid, PidOf(gofer_pidfd));
  const std::string path = absl::StrCat("/proc/", pid, "/root");
  Fd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoStatus(errno, "open", path);
  RETURN_IF_ERROR(PidOf(gofer_pidfd).status());
  return root;
}

// "" when there is none that can be read.
std::string ReadPasswd(const rootfs::ContainerRoot& root) {
  const auto found = root.Open("/etc/passwd");
  struct stat attributes;
  if (!found.ok() || ::fstat(found->get(), &attributes) < 0 || !S_ISREG(attributes.st_mode)) {
    return "";
  }
  auto text = ReadFileAt(AT_FDCWD, absl::StrCat("/proc/self/fd/", found->get()), kMaxPasswd);
  return text.ok() ? *std::move(text) : "";
}

bool IsReadable(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

absl::StatusOr<Executed> Execution::Run() {
  RETURN_IF_ERROR(CheckRequest());
  RETURN_IF_ERROR(LookInside());
  RETURN_IF_ERROR(StartJoiner());
  RETURN_IF_ERROR(AwaitBirth());
  RETURN_IF_ERROR(attributes::ApplyFromOutside(attributes_, process_.pid()));
  RETURN_IF_ERROR(LimitProcess(process_.pid(), process()));
  RETURN_IF_ERROR(InstallFilter());
  RETURN_IF_ERROR(TellSentry());
  RETURN_IF_ERROR(LetGo());
  RETURN_IF_ERROR(AwaitProgram());
  Executed executed;
  executed.pid = process_.pid();
  executed.pidfd = process_.Release();
  executed.terminal_master = std::move(terminal_.master);
  return executed;
}

absl::Status Execution::CheckRequest() {
  if (!request_.spec.process || process().args.empty()) {
    return absl::InvalidArgumentError("process.args: there is no program to run");
  }
  const spec::User& user = process().user;
  if (!request_.ids.uid.ToHost(user.uid) || !request_.ids.gid.ToHost(user.gid)) {
    return absl::InvalidArgumentError("process.user: the id has no mapping");
  }
  capabilities_ = ParseCapabilities(process().capabilities);
  ASSIGN_OR_RETURN(attributes_, attributes::ParseAttributes(request_.spec));
  return absl::OkStatus();
}

// What is to be had from the container's tree.
absl::Status Execution::LookInside() {
  environment_ = process().env;
  const bool lacks_home = LacksHome(process());
  if (!lacks_home && !process().terminal) return absl::OkStatus();
  ASSIGN_OR_RETURN(Fd tree, OpenTreeOf(request_.gofer_pidfd));
  const rootfs::ContainerRoot root(std::move(tree), *request_.ids.uid.ToHost(0),
                                   *request_.ids.gid.ToHost(0));
  if (lacks_home) {
    environment_.push_back(
        absl::StrCat("HOME=", HomeInPasswd(ReadPasswd(root), process().user.uid)));
  }
  return process().terminal ? OpenTerminal(root) : absl::OkStatus();
}

absl::Status Execution::OpenTerminal(const rootfs::ContainerRoot& root) {
  ASSIGN_OR_RETURN(terminal_, rootfs::OpenPty(root, *request_.ids.uid.ToHost(process().user.uid),
                                              process().console_size));
  return absl::OkStatus();
}

absl::Status Execution::StartJoiner() {
  ASSIGN_OR_RETURN(setup_socket_, SocketPair());
  ASSIGN_OR_RETURN(auto go, SocketPair());
  ASSIGN_OR_RETURN(const int namespaces, DifferingNamespaces(request_.init_pidfd));
  ASSIGN_OR_RETURN(const cgroups::Entrance groups,
                   request_.groups.ForWorkload(request_.sub_groups));
  const JoinConfig config = {.process = process(),
                             .environment = environment_,
                             .capabilities = capabilities_,
                             .attributes = attributes_,
                             .filter = filter_,
                             .groups = groups,
                             .stdio = request_.stdio,
                             .preserve_fds = request_.preserve_fds,
                             .terminal = terminal_.slave.get(),
                             .init_pidfd = request_.init_pidfd,
                             .namespaces = namespaces,
                             .setup_socket = setup_socket_.second.get()};
  ASSIGN_OR_RETURN(joiner_, Process::CloneInto(groups, 0, [this, &config, &go] {
                     go.first.Reset();
                     setup_socket_.first.Reset();
                     RunJoiner(config, go.second.get());
                   }));
  setup_socket_.second.Reset();
  terminal_.slave.Reset();
  if (::write(go.first.get(), "g", 1) != 1) return ErrnoStatus(errno, "write", "go");
  return absl::OkStatus();
}

absl::Status Execution::AwaitBirth() {
  ASSIGN_OR_RETURN(Received born, Expect(setup_socket_.first.get(), kJoining, "born"));
  ASSIGN_OR_RETURN(Fd pidfd, born.Take("pidfd"));
  ASSIGN_OR_RETURN(const pid_t pid, PidOf(pidfd.get()));
  process_ = Process(pid, std::move(pidfd));
  return joiner_.WaitForSuccess("the maker of the process that joins the container");
}

absl::Status Execution::InstallFilter() {
  const int setup = setup_socket_.first.get();
  RETURN_IF_ERROR(Send(setup, "filter"));
  ASSIGN_OR_RETURN(const Received filtered, Expect(setup, kJoining, "filtered"));
  ASSIGN_OR_RETURN(listener_, TakeListener(filtered, process_.pidfd()));
  return absl::OkStatus();
}

absl::Status Execution::TellSentry() {
  ASSIGN_OR_RETURN(control_, ConnectControl(request_.state_dir));
  RETURN_IF_ERROR(Send(control_.get(), "join",
                       {{"cookie", absl::StrFormat("%016x", filter_.cookie)},
                        {"cwd", process().cwd},
                        {"programs", ProgramCandidates(process())}},
                       {{"listener", listener_.get()}, {"process", process_.pidfd()}}));
  listener_.Reset();
  return Expect(control_.get(), kSentry, "joined").status();
}

absl::Status Execution::LetGo() { return Send(setup_socket_.first.get(), "joined"); }

// Until the sentry has said what became of the program; the process itself may fail before it gets
// that far, or be killed.
absl::Status Execution::AwaitProgram() {
  for (;;) {
    pollfd polled[] = {{control_.get(), POLLIN, 0},
                       {setup_socket_.first.get(), POLLIN, 0},
                       {process_.pidfd(), POLLIN, 0}};
    if (::poll(polled, std::size(polled), -1) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "poll", kJoining);
    }
    if (polled[0].revents != 0 || (polled[2].revents != 0 && IsReadable(control_.get()))) {
      ASSIGN_OR_RETURN(const Received said, Receive(control_.get(), kSentry));
      if (said.type == "executed") return absl::OkStatus();
      return ProgramFailed(ErrorOf(said.body, kSentry), said.body.value("step", ""));
    }
    if (polled[1].revents != 0) {
      auto said = Receive(setup_socket_.first.get(), kJoining);
      if (said.ok()) return ErrorOf(said->body, kJoining);
      setup_socket_.first.Reset();  // closed by its exec of the stub, or it is dead
    }
    if (polled[2].revents != 0) {
      return absl::AbortedError(absl::StrCat(kJoining, " died before it ran its program"));
    }
  }
}

absl::Status Execution::ProgramFailed(const absl::Status& failed, const std::string& step) const {
  const int error = StatusErrno(failed);
  if (error == 0 || step.empty()) return failed;
  if (step == "execve") return CannotExecute(process().args.front(), error);
  const absl::Status status(
      absl::ErrnoToStatusCode(error),
      absl::StrCat("chdir to cwd (\"", process().cwd,
                   "\") set in config.json failed: ", absl::AsciiStrToLower(::strerror(error))));
  return WithErrno(status, error);
}

}  // namespace moat::launch
