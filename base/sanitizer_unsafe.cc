#include "base/sanitizer_unsafe.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>

#include <cstdint>

// A supervisor's environment is empty: options stand here. A race ends the process, and with it
// the container, as a report of the other sanitizers does.
extern "C" const char* __tsan_default_options() { return "halt_on_error=1"; }
// How an absl::Mutex wakes a thread is hidden from ThreadSanitizer by annotations of abseil that
// GCC's does not wholly heed.
extern "C" const char* __tsan_default_suppressions() {
  return "race:absl::lts_20220623::synchronization_internal::\n";
}

namespace moat {

void SendSanitizerReportsTo(int fd) {
  // The interface takes the number of a descriptor for a pointer.
  __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
}

}  // namespace moat
#else
namespace moat {

void SendSanitizerReportsTo(int /*fd*/) {}

}  // namespace moat
#endif
