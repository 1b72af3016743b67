#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "runtime/cgroups/groups.h"
#include "runtime/cli/command.h"

namespace moat::cli {
namespace {

constexpr size_t kMaxTable = 64 << 20;

struct PsFlags {
  std::string format = "table";
};

// What ps(1) prints with `arguments`.
absl::StatusOr<std::string> RunPs(const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>("ps")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return ErrnoStatus(errno, "pipe2", "for ps");
  Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return ErrnoStatus(errno, "fork", "for ps");
  if (child == 0) {
    ::dup2(writer.get(), STDOUT_FILENO);
    ::execvp("ps", argv.data());
    ::_exit(127);
  }
  writer.Reset();
  auto table = ReadAll(reader.get(), kMaxTable);
  reader.Reset();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "ps failed with ", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
        WIFEXITED(status) && WEXITSTATUS(status) == 127 ? " (is procps installed?)" : "",
        "; `--format json` works without it"));
  }
  if (!table.ok()) return ErrnoStatus(table.error().value(), "read", "the output of ps");
  return std::move(table).value();
}

// The head line, and the lines whose column PID is one of `pids`.
absl::Status PrintTable(const std::string& table, const std::set<pid_t>& pids) {
  const std::vector<absl::string_view> lines = absl::StrSplit(table, '\n', absl::SkipEmpty());
  if (lines.empty()) return absl::InternalError("ps printed nothing");
  const auto columns = [](absl::string_view line) {
    return std::vector<absl::string_view>(absl::StrSplit(line, ' ', absl::SkipEmpty()));
  };
  const auto head = columns(lines.front());
  const size_t column = std::find(head.begin(), head.end(), "PID") - head.begin();
  if (column == head.size()) {
    return absl::InvalidArgumentError("these options of ps print no column PID; add one");
  }
  std::printf("%s\n", std::string(lines.front()).c_str());
  for (absl::string_view line : lines) {
    const auto cells = columns(line);
    pid_t pid;
    if (column < cells.size() && absl::SimpleAtoi(cells[column], &pid) && pids.count(pid) != 0) {
      std::printf("%s\n", std::string(line).c_str());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Ps(const Context& context, const PsFlags& flags) {
  if (context.foreign_command().empty()) {
    return absl::InvalidArgumentError("no container named (see `moat ps --help`)");
  }
  const std::string id = context.foreign_command().front();
  std::vector<std::string> ps_arguments(context.foreign_command().begin() + 1,
                                        context.foreign_command().end());
  ASSIGN_OR_RETURN(const state::Store store, context.OpenStore());
  ASSIGN_OR_RETURN(const state::Record record, store.Read(id));
  std::vector<pid_t> pids;
  if (state::CurrentStatus(record) != state::Status::kStopped) {
    ASSIGN_OR_RETURN(
        pids,
        cgroups::Groups::FromPaths(record.cgroup_paths, store.Directory(record.id)).WorkloadPids());
  }
  if (flags.format == "json") {
    std::printf("%s\n", nlohmann::json(pids).dump().c_str());
    return 0;
  }
  if (ps_arguments.empty()) ps_arguments = {"-ef"};
  ASSIGN_OR_RETURN(const std::string table, RunPs(ps_arguments));
  RETURN_IF_ERROR(PrintTable(table, {pids.begin(), pids.end()}));
  return 0;
}

}  // namespace

Action ConfigurePs(CLI::App& app) {
  auto flags = std::make_shared<PsFlags>();
  app.add_option("-f,--format", flags->format, "table or json (the process ids)")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  // For the help only: the words are cut off before anything is parsed (foreign_command.h).
  app.add_option("words", "a container, and options of ps(1), by default -ef")
      ->type_name("ID [OPTION...]")
      ->expected(1, -1);
  app.positionals_at_end();
  app.footer(
      "\nExamples:\n  moat ps web\n  moat ps --format json web\n  moat ps web -o pid,rss,args");
  return [flags](const Context& context) { return Ps(context, *flags); };
}

}  // namespace moat::cli
