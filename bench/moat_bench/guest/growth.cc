#include "bench/moat_bench/guest/growth.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace moat::bench {
namespace {

constexpr double kBatchNanoseconds = 2e7;
constexpr int kBatches = 5;

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename Operation>
void Print(const char* name, Operation operation) {
  double best = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    long done = 0;
    const double start = Now();
    while (Now() - start < kBatchNanoseconds) {
      for (int i = 0; i < 4; ++i, ++done) {
        if (operation()) continue;
        std::printf("%s failed %s\n", name, strerrorname_np(errno));
        return;
      }
    }
    const double each = (Now() - start) / static_cast<double>(done);
    best = batch == 0 ? each : std::min(best, each);
  }
  std::printf("%s %.1f\n", name, best);
}

bool ForkAndWait() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  return waitpid(child, nullptr, 0) == child;
}

std::vector<pid_t> SleepingProcesses(int count) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    if (child != -1) children.push_back(child);
  }
  return children;
}

bool ManyDescriptors(int count) {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int i = 0; i < count; ++i) {
    if (dup(0) == -1) return false;
  }
  return true;
}

// Leaves this process in the deepest folder but one step: the path from the top is returned.
std::string DeepFolder(int depth) {
  std::string path = "/tmp/deep";
  mkdir(path.c_str(), 0700);
  for (int i = 0; i < depth; ++i) mkdir((path += "/d").c_str(), 0700);
  return path;
}

std::string FullFolder(int size) {
  std::string folder = "/tmp/full";
  mkdir(folder.c_str(), 0700);
  for (int i = 0; i < size; ++i) {
    close(open((folder + "/" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  return folder;
}

}  // namespace

int Growth(const std::string& what, int size) {
  std::vector<pid_t> children;
  std::string folder = "/tmp";
  if (what == "processes") children = SleepingProcesses(size);
  if (what == "processes" && children.size() != static_cast<size_t>(size)) {
    std::printf("only %zu processes\n", children.size());
  }
  if (what == "descriptors" && !ManyDescriptors(size)) std::printf("too few descriptors allowed\n");
  if (what == "depth") folder = DeepFolder(size);
  if (what == "folder") folder = FullFolder(size);
  const std::string file = folder + "/file";
  close(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  struct stat attributes;
  Print("stat", [&] { return stat(file.c_str(), &attributes) == 0; });
  Print("open", [&] { return close(open(file.c_str(), O_RDONLY | O_CLOEXEC)) == 0; });
  Print("fork", ForkAndWait);
  for (const pid_t child : children) kill(child, SIGKILL);
  while (wait(nullptr) > 0) {
  }
  return 0;
}

}  // namespace moat::bench
