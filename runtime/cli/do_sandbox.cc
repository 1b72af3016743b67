#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/cli/do_flags.h"
#include "runtime/cli/values.h"
#include "runtime/hostview/accounts.h"
#include "runtime/hostview/host_view.h"
#include "runtime/namespaces/id_map.h"
#include "runtime/spec/validate.h"

namespace moat::cli {
namespace {

using hostview::Account;
using hostview::Showing;

constexpr char kPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr gid_t kTtyGroup = 5;

// Docker's set without those that mean nothing in a user namespace without devices: AUDIT_WRITE,
// MKNOD. NET_RAW opens no raw sockets, but ping(8) has it as a file capability and is not executed
// without.
constexpr const char* kCapabilities[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE",     "CAP_FOWNER",  "CAP_FSETID",
    "CAP_KILL",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP",          "CAP_SETUID",  "CAP_SYS_CHROOT",
};

spec::Mount FileSystem(const char* type, const char* destination,
                       std::vector<std::string> options) {
  spec::Mount mount;
  mount.destination = destination;
  mount.type = type;
  mount.source = type;
  mount.options = std::move(options);
  return mount;
}

spec::Mount Bind(const std::string& source, const std::string& destination, bool readonly) {
  spec::Mount mount;
  mount.destination = destination;
  mount.source = source;
  mount.options = {"rbind", "rnosuid", "rnodev"};
  if (readonly) mount.options.push_back("rro");
  return mount;
}

// Where group 5 (tty) does not exist, terminals belong to their user's group.
std::vector<spec::Mount> SystemMounts(bool has_tty_group) {
  std::vector<std::string> terminals = {"nosuid", "noexec", "newinstance", "ptmxmode=0666",
                                        "mode=0620"};
  if (has_tty_group) terminals.push_back(absl::StrCat("gid=", kTtyGroup));
  return {
      FileSystem("proc", "/proc", {}),
      FileSystem("tmpfs", "/dev", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      FileSystem("devpts", "/dev/pts", std::move(terminals)),
      FileSystem("tmpfs", "/dev/shm", {"nosuid", "nodev", "mode=1777"}),
      FileSystem("mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"}),
      FileSystem("sysfs", "/sys", {"nosuid", "noexec", "nodev", "ro"}),
      FileSystem("cgroup", "/sys/fs/cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
  };
}

std::vector<spec::Namespace> Namespaces(bool own_network) {
  using spec::NamespaceType;
  std::vector<spec::Namespace> namespaces;
  for (const NamespaceType type :
       {NamespaceType::kPid, NamespaceType::kMount, NamespaceType::kIpc, NamespaceType::kUts,
        NamespaceType::kUser, NamespaceType::kCgroup}) {
    namespaces.push_back({type, ""});
  }
  if (own_network) namespaces.push_back({NamespaceType::kNetwork, ""});
  return namespaces;
}

spec::Capabilities CapabilitiesOf(const Account& account) {
  const std::vector<std::string> names(std::begin(kCapabilities), std::end(kCapabilities));
  spec::Capabilities capabilities;
  capabilities.bounding = names;
  if (account.uid == 0) capabilities.effective = capabilities.permitted = names;
  return capabilities;
}

// One function per part of the description; Describe puts them together.
class Describer {
 public:
  Describer(const DoFlags& flags, const std::vector<std::string>& command,
            const Surroundings& surroundings)
      : flags_(flags), command_(command), around_(surroundings) {}

  absl::StatusOr<Sandbox> Describe();

 private:
  absl::Status AddRoot();
  absl::Status AddProcess();
  absl::Status AddEnvironment(const Account& account);
  absl::Status AddWorkingDirectory();
  absl::Status ShowWorkingDirectory();
  absl::Status AddVolumes();
  absl::Status AddResources();
  void AddNetwork();

  const DoFlags& flags_;
  const std::vector<std::string>& command_;
  const Surroundings& around_;
  Sandbox sandbox_;
  std::string home_;
};

absl::StatusOr<Sandbox> Describer::Describe() {
  sandbox_.spec.oci_version = spec::kOciVersion;
  sandbox_.spec.hostname = flags_.hostname;
  sandbox_.spec.mounts = SystemMounts(around_.has_tty_group);
  RETURN_IF_ERROR(AddRoot());
  RETURN_IF_ERROR(AddProcess());
  RETURN_IF_ERROR(AddWorkingDirectory());
  RETURN_IF_ERROR(AddVolumes());
  AddNetwork();
  RETURN_IF_ERROR(AddResources());
  RETURN_IF_ERROR(spec::Validate(sandbox_.spec));
  return std::move(sandbox_);
}

absl::Status Describer::AddRoot() {
  sandbox_.spec.root.path = flags_.rootfs.empty() ? "/" : flags_.rootfs;
  auto plan = flags_.rootfs.empty() ? hostview::HostView() : hostview::DirectoryView(flags_.rootfs);
  RETURN_IF_ERROR(plan.status());
  sandbox_.root_plan = *std::move(plan);
  return absl::OkStatus();
}

absl::Status Describer::AddProcess() {
  ASSIGN_OR_RETURN(const auto files, hostview::ReadAccountFiles(sandbox_.spec.root.path));
  ASSIGN_OR_RETURN(const Account account, hostview::FindAccount(files, flags_.user));
  spec::Process& process = sandbox_.spec.process.emplace();
  process.args = command_;
  process.terminal = flags_.tty || (around_.terminal && !flags_.no_tty);
  process.user.uid = account.uid;
  process.user.gid = account.gid;
  process.user.additional_gids = account.additional_gids;
  process.capabilities = CapabilitiesOf(account);
  process.no_new_privileges = !flags_.new_privileges;
  home_ = account.home;
  return AddEnvironment(account);
}

absl::Status Describer::AddEnvironment(const Account& account) {
  std::vector<std::string>& env = sandbox_.spec.process->env;
  env = {absl::StrCat("PATH=", kPath), absl::StrCat("HOME=", account.home),
         absl::StrCat("LANG=", around_.lang.value_or("C.UTF-8"))};
  if (!account.name.empty()) env.push_back(absl::StrCat("USER=", account.name));
  if (sandbox_.spec.process->terminal) {
    env.push_back(absl::StrCat("TERM=", around_.term.value_or("xterm")));
  }
  for (const std::string& wanted : flags_.env) {
    const std::string name = wanted.substr(0, wanted.find('='));
    if (name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("--env: \"", wanted, "\" has no name"));
    }
    const char* value = std::getenv(name.c_str());
    if (name == wanted && !value) continue;  // as env(1) has it: not set stays not set
    const std::string prefix = name + "=";
    env.erase(
        std::remove_if(env.begin(), env.end(),
                       [&](const std::string& entry) { return absl::StartsWith(entry, prefix); }),
        env.end());
    env.push_back(name == wanted ? prefix + value : wanted);
  }
  return absl::OkStatus();
}

absl::Status Describer::AddWorkingDirectory() {
  sandbox_.spec.process->cwd = home_;
  if (flags_.rootfs.empty() || flags_.write_cwd) RETURN_IF_ERROR(ShowWorkingDirectory());
  if (!flags_.cwd.empty()) sandbox_.spec.process->cwd = flags_.cwd;
  return absl::OkStatus();
}

absl::Status Describer::ShowWorkingDirectory() {
  const auto decision = hostview::DecideWorkingDirectory(around_.directory, around_.homes);
  if (decision.showing == Showing::kBind) {
    sandbox_.spec.mounts.push_back(Bind(around_.directory, around_.directory, !flags_.write_cwd));
    sandbox_.spec.process->cwd = around_.directory;
    return absl::OkStatus();
  }
  if (flags_.write_cwd) {
    return absl::InvalidArgumentError(
        absl::StrCat("--write-cwd: ", around_.directory, " is not given to a sandbox: ",
                     decision.reason.empty() ? "it is a system directory" : decision.reason,
                     "; change to another directory, or name one with --volume"));
  }
  if (decision.showing == Showing::kPartOfSystem) {
    sandbox_.spec.process->cwd = around_.directory;
  } else if (around_.directory != "/") {
    sandbox_.notices.push_back(absl::StrCat(around_.directory, " is not shown in the sandbox: ",
                                            decision.reason, "; starting in ", home_));
  } else {
    sandbox_.spec.process->cwd = "/";
  }
  return absl::OkStatus();
}

absl::Status Describer::AddVolumes() {
  for (const std::string& text : flags_.volumes) {
    ASSIGN_OR_RETURN(const Volume volume, ParseVolume(text));
    sandbox_.spec.mounts.push_back(Bind(volume.source, volume.destination, volume.readonly));
  }
  return absl::OkStatus();
}

void Describer::AddNetwork() {
  const bool host = flags_.net == "host";
  sandbox_.spec.linux_config.namespaces = Namespaces(!host);
  // As Docker sets it: ping(8) for everybody. Without it nobody may, root included, since there are
  // no raw sockets (icmp(7)).
  if (!host) sandbox_.spec.linux_config.sysctl["net.ipv4.ping_group_range"] = around_.ping_groups;
  if (!host || !flags_.rootfs.empty()) return;
  // Where names are resolved is often a link to /run or a mount of its own, neither of which is in
  // the view.
  std::error_code error;
  const auto resolver = std::filesystem::canonical("/etc/resolv.conf", error);
  if (!error) sandbox_.spec.mounts.push_back(Bind(resolver.string(), resolver.string(), true));
}

absl::Status Describer::AddResources() {
  spec::Resources resources;
  if (!flags_.cpus.empty()) {
    const auto quota = ParseCpuQuota(flags_.cpus);
    if (!quota.ok()) return Annotate(quota.status(), "--cpus");
    resources.cpu.emplace();
    resources.cpu->quota = *quota;
    resources.cpu->period = kCpuPeriod;
  }
  if (!flags_.memory.empty()) {
    const auto limit = ParseSize(flags_.memory);
    if (!limit.ok()) return Annotate(limit.status(), "--memory");
    resources.memory.emplace().limit = *limit;
  }
  if (flags_.pids > 0) resources.pids.emplace().limit = flags_.pids;
  if (resources.cpu || resources.memory || resources.pids) {
    sandbox_.spec.linux_config.resources = std::move(resources);
  }
  return absl::OkStatus();
}

// The kernel takes groups that are mapped and no others.
std::string PingGroups(const namespaces::IdMap& groups) {
  for (const uint32_t last : {0x7fffffffU, 0xffffU}) {
    if (groups.ToHost(last)) return absl::StrCat("0 ", last);
  }
  return "0 0";
}

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

absl::StatusOr<Surroundings> LookAround() {
  Surroundings around;
  std::error_code error;
  around.directory = std::filesystem::current_path(error).string();
  if (error) return ErrnoStatus(error.value(), "getcwd", "the current directory");
  ASSIGN_OR_RETURN(const auto files, hostview::ReadAccountFiles("/"));
  around.homes = hostview::HomeDirectories(files);
  if (const auto home = Environment("HOME")) around.homes.push_back(*home);
  around.term = Environment("TERM");
  around.lang = Environment("LANG");
  ASSIGN_OR_RETURN(const namespaces::IdMaps ids, namespaces::IdMaps::Create({}));
  around.has_tty_group = ids.gid.ToHost(kTtyGroup).has_value();
  around.ping_groups = PingGroups(ids.gid);
  around.terminal = ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
  return around;
}

absl::StatusOr<Sandbox> DescribeSandbox(const DoFlags& flags,
                                        const std::vector<std::string>& command,
                                        const Surroundings& surroundings) {
  return Describer(flags, command, surroundings).Describe();
}

}  // namespace moat::cli
