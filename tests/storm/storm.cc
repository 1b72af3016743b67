// storm PROCESSES SECONDS: runs the players in the working directory and says how it went.
//
// Ends with 0 when no answer was wrong, no process hung or died and no descriptor was left open.
#include "tests/storm/storm.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <new>
#include <vector>

namespace moat::storm {

void Require(bool condition, const std::string& what) {
  if (condition) return;
  const char* name = strerrorname_np(errno);
  throw Wrong(what + " (errno " + (name != nullptr ? name : "0") + ")");
}

namespace {

constexpr void (*kRounds[])(Player&) = {ReplaceRound, ExchangeRound, LinkRound,  LockRound,
                                        MovingRound,  SocketRound,   ModelRound, ModelRound};

int OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  int count = 0;
  while (folder != nullptr && readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

// The life of one process; its exit code.
int Play(Shared& shared, int number) {
  Player player{number, shared, std::mt19937(static_cast<unsigned>(number))};
  const auto round = kRounds[static_cast<size_t>(number) % std::size(kRounds)];
  try {
    const int before = OpenDescriptors();
    while (!shared.stop) {
      round(player);
      ++shared.rounds;
    }
    errno = 0;
    Require(OpenDescriptors() == before, "descriptors are left open");
    return 0;
  } catch (const Wrong& wrong) {
    printf("process %d: %s\n", number, wrong.what());
    fflush(stdout);
    return 1;
  }
}

int Run(int processes, int seconds) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  Shared& shared = *new (memory) Shared;
  MakeArena();
  int bad = 0;
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(Play(shared, i));
    if (child == -1) ++bad;
    children.push_back(child);
  }
  sleep(static_cast<unsigned>(seconds));
  shared.stop = true;
  alarm(60);  // a process that hangs ends the whole by SIGALRM
  for (size_t i = 0; i < children.size(); ++i) {
    int status = 0;
    waitpid(children[i], &status, 0);
    if (status == 0) continue;
    ++bad;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
      printf("process %zu: status %x\n", i, status);
  }
  printf("%d processes, %llu rounds, %d wrong\n", processes,
         static_cast<unsigned long long>(shared.rounds.load()), bad);
  return bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace moat::storm

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: storm PROCESSES SECONDS\n", stderr);
    return 2;
  }
  return moat::storm::Run(atoi(argv[1]), atoi(argv[2]));
}
