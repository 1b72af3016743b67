// The program inside the containers. Static, so that a root file system needs nothing else.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/moat_bench/guest/escape.h"
#include "bench/moat_bench/guest/growth.h"
#include "bench/moat_bench/guest/matrix.h"
#include "bench/moat_bench/guest/posture.h"
#include "bench/moat_bench/guest/workload.h"

namespace {

using namespace moat::bench;  // NOLINT(google-build-using-namespace): a main of a few lines

struct Mode {
  const char* name;
  int arguments;
  int (*run)(char** arguments);
};

int Hello(char**) {
  std::printf("hello from inside\n");
  return 0;
}

int Sleep(char** arguments) {
  sleep(static_cast<unsigned>(std::atoi(arguments[0])));
  return 0;
}

constexpr Mode kModes[] = {
    {"hello", 0, Hello},
    {"nothing", 0, [](char**) { return 0; }},
    {"sleep", 1, Sleep},
    {"matrix", 1, [](char** a) { return Matrix(static_cast<unsigned>(std::atol(a[0]))); }},
    {"posture", 0, [](char**) { return Posture(); }},
    {"escape", 0, [](char**) { return EscapePreconditions(); }},
    {"read", 1, [](char** a) { return ReadFileProbe(a[0]); }},
    {"kind", 2, [](char** a) { return KindProbe(a[0], a[1]); }},
    {"marker", 1, [](char** a) { return FindMarker(a[0]); }},
    {"connect", 2, [](char** a) { return ConnectProbe(a[0], a[1]); }},
    {"watch", 1, [](char** a) { return WatchPrograms(std::atoi(a[0])); }},
    {"work", 2, [](char** a) { return Workload(a[0], std::atoi(a[1])); }},
    {"repeat", 2, [](char** a) { return Repeat(a[0], std::atoi(a[1])); }},
    {"heart", 1, [](char** a) { return Heart(std::atof(a[0])); }},
    {"flood", 2, [](char** a) { return Flood(std::atoi(a[0]), std::atof(a[1])); }},
    {"growth", 2, [](char** a) { return Growth(a[0], std::atoi(a[1])); }},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Mode& mode : kModes) {
    if (argc == mode.arguments + 2 && std::string(argv[1]) == mode.name) return mode.run(argv + 2);
  }
  std::fprintf(stderr, "guest: no such mode, or not its number of arguments\n");
  return 2;
}
