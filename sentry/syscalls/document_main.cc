// Prints docs/syscalls.md.
#include <cstdio>

#include "sentry/syscalls/document.h"

int main() {
  const std::string document = moat::sentry::SyscallDocument();
  return std::fwrite(document.data(), 1, document.size(), stdout) == document.size() ? 0 : 1;
}
