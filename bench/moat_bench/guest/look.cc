#include "bench/moat_bench/guest/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "base/fd.h"

namespace moat::bench {
namespace {
constexpr int kPatienceMilliseconds = 5000;
}

std::string NameOfErrno(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? "errno " + std::to_string(error) : name;
}

std::string Contents(const std::string& path, size_t limit, std::string* fault) {
  const Fd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  std::string text(limit, '\0');
  size_t filled = 0;
  ssize_t got = file.valid() ? 1 : -1;
  while (got > 0 && filled < limit) {
    got = read(file.get(), text.data() + filled, limit - filled);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  *fault = got == -1 && filled == 0 ? NameOfErrno(errno) : "";
  text.resize(filled);
  return text;
}

std::string OpenFor(const std::string& path, int flags) {
  const Fd file(open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  return file.valid() ? "opens" : NameOfErrno(errno);
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(folder.c_str()), closedir);
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string LinkOf(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  return length == -1 ? "" : std::string(target, static_cast<size_t>(length));
}

std::string InChild(const std::function<std::string()>& probe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == -1) return "no pipe: " + NameOfErrno(errno);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = fork();
  if (child == -1) return "no child: " + NameOfErrno(errno);
  if (child == 0) {
    const std::string answer = probe();
    const ssize_t written = write(writer.get(), answer.data(), answer.size());
    _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  writer.Reset();
  pollfd wait = {reader.get(), POLLIN, 0};
  const bool answered = poll(&wait, 1, kPatienceMilliseconds) == 1;
  std::string answer(65536, '\0');
  const ssize_t got = answered ? read(reader.get(), answer.data(), answer.size()) : 0;
  answer.resize(got > 0 ? static_cast<size_t>(got) : 0);
  if (!answered) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (!answered) return "waits";
  if (WIFSIGNALED(status)) return "killed by " + std::to_string(WTERMSIG(status));
  return answer;
}

}  // namespace moat::bench
