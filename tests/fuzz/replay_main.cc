// Runs a fuzz target over files and folders of inputs, without libFuzzer.
//
// usage: TARGET PATH...
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/target.h"

namespace {

namespace fs = std::filesystem;

bool RunFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(file), {}};
  if (!file) return false;
  moat::fuzz::Run(input);
  return true;
}

// The number of inputs, or -1.
int RunAll(const fs::path& path) {
  if (!fs::is_directory(path)) return RunFile(path) ? 1 : -1;
  int count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (!entry.is_regular_file()) continue;
    if (!RunFile(entry.path())) return -1;
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  int total = 0;
  for (int i = 1; i < argc; ++i) {
    const int count = RunAll(argv[i]);
    if (count <= 0) {
      std::fprintf(stderr, "%s: no input to be read\n", argv[i]);
      return EXIT_FAILURE;
    }
    total += count;
  }
  std::printf("%d inputs\n", total);
  return EXIT_SUCCESS;
}
