#include "runtime/resolv/name_plan.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/fd.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::resolv {
namespace {

constexpr char kResolvConf[] = "/etc/resolv.conf";
constexpr size_t kMaxResolvConf = 64 * 1024;
constexpr size_t kMaxServers = 8;
constexpr uint16_t kDnsPort = 53;

bool IsLoopback(const policies::Address& address) {
  return policies::Covers({"", *policies::ParseAddress("127.0.0.0"), 104}, {address}) ||
         address == *policies::ParseAddress("::1");
}

// Of 127.64.0.0/10, one for each container: several may share a network, the host's even.
absl::StatusOr<policies::EndPoint> ChooseResolver() {
  std::array<uint8_t, 3> random;
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return ErrnoStatus(errno, "getrandom", "");
  }
  policies::EndPoint resolver = {*policies::ParseAddress("127.0.0.0"), kDnsPort,
                                 policies::Protocol::kUdp};
  resolver.address[13] = static_cast<uint8_t>(64 | (random[0] & 63));
  resolver.address[14] = random[1];
  resolver.address[15] = static_cast<uint8_t>(1 + random[2] % 254);
  return resolver;
}

const spec::Mount* MountOfResolvConf(const spec::Spec& spec) {
  const auto found =
      std::find_if(spec.mounts.rbegin(), spec.mounts.rend(), [](const spec::Mount& mount) {
        return mount.destination == kResolvConf && !mount.source.empty();
      });
  return found == spec.mounts.rend() ? nullptr : &*found;
}

bool HasOwnNetwork(const spec::Spec& spec) {
  const auto& namespaces = spec.linux_config.namespaces;
  return std::any_of(namespaces.begin(), namespaces.end(), [](const spec::Namespace& one) {
    return one.type == spec::NamespaceType::kNetwork;
  });
}

struct Source {
  std::string path;
  ResolvConf file;
};

absl::StatusOr<Source> FindSource(const spec::Spec& spec, const std::string& bundle) {
  Source source;
  const spec::Mount* mount = MountOfResolvConf(spec);
  if (mount == nullptr) {
    source.path = kResolvConf;
  } else {
    source.path = absl::StartsWith(mount->source, "/") ? mount->source
                                                       : absl::StrCat(bundle, "/", mount->source);
  }
  ASSIGN_OR_RETURN(const std::string text, ReadFile(source.path, kMaxResolvConf));
  source.file = ParseResolvConf(text);
  if (mount != nullptr && HasOwnNetwork(spec)) {
    // Those are in the container's network, where the workload could answer in their place.
    auto& servers = source.file.servers;
    servers.erase(
        std::remove_if(servers.begin(), servers.end(),
                       [](const policies::EndPoint& one) { return IsLoopback(one.address); }),
        servers.end());
  }
  return source;
}

absl::StatusOr<std::string> WriteResolvConf(const std::string& state_dir, const std::string& text) {
  std::string path = absl::StrCat(state_dir, "/resolv.conf");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file || ::fchmod(file.get(), 0444) < 0 ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return path;
}

}  // namespace

ResolvConf ParseResolvConf(absl::string_view text) {
  ResolvConf conf;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && conf.servers.size() < kMaxServers) {
      const auto address = policies::ParseAddress(words[1]);
      if (address) conf.servers.push_back({*address, kDnsPort, policies::Protocol::kUdp});
    } else if (words[0] == "search" || words[0] == "domain") {
      conf.kept.push_back(absl::StrJoin(words, " "));
    } else if (words[0] == "options") {
      std::vector<absl::string_view> kept;
      // moat-resolver takes datagrams only, and every answer fits into one.
      std::copy_if(words.begin(), words.end(), std::back_inserter(kept),
                   [](absl::string_view word) { return word != "use-vc"; });
      if (kept.size() > 1) conf.kept.push_back(absl::StrJoin(kept, " "));
    }
  }
  return conf;
}

std::string MakeResolvConf(const policies::EndPoint& resolver,
                           const std::vector<std::string>& kept) {
  std::string text =
      absl::StrCat("# moat-resolver: it knows the names that the policy's egress rules allow.\n",
                   "nameserver ", policies::AddressText(resolver.address), "\n");
  for (const std::string& line : kept) absl::StrAppend(&text, line, "\n");
  return text;
}

absl::StatusOr<cgroups::NameService> PlanNames(const policies::Egress& egress,
                                               const std::string& state_dir,
                                               const std::string& bundle, spec::Spec& spec) {
  cgroups::NameService names;
  names.servers = egress.resolvers;
  auto source = FindSource(spec, bundle);
  if (names.servers.empty()) {
    if (!source.ok()) return Annotate(source.status(), "egress rules by name: no DNS servers");
    names.servers = source->file.servers;
  }
  if (names.servers.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("egress rules by name: ", source->path,
                     " names no DNS server outside the container; give some in \"resolvers\""));
  }
  ASSIGN_OR_RETURN(names.resolver, ChooseResolver());
  const std::vector<std::string> kept =
      source.ok() ? source->file.kept : std::vector<std::string>();
  ASSIGN_OR_RETURN(std::string path,
                   WriteResolvConf(state_dir, MakeResolvConf(names.resolver, kept)));
  spec::Mount mount;
  mount.destination = kResolvConf;
  mount.type = "bind";
  mount.source = std::move(path);
  mount.options = {"bind", "ro", "nosuid", "nodev", "noexec"};
  spec.mounts.push_back(std::move(mount));
  return names;
}

}  // namespace moat::resolv
