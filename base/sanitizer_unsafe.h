// Builds with sanitizers (CMakePresets.json: asan, tsan): where their reports go.
#ifndef MOAT_BASE_SANITIZER_UNSAFE_H_
#define MOAT_BASE_SANITIZER_UNSAFE_H_

namespace moat {

// Reports of the sanitizers go to `fd`, borrowed for the life of the process: the standard streams
// of a supervisor lead nowhere. Does nothing in other builds.
void SendSanitizerReportsTo(int fd);

}  // namespace moat

#endif  // MOAT_BASE_SANITIZER_UNSAFE_H_
