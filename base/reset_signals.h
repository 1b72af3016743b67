// Signals as a new program expects them.
#ifndef MOAT_BASE_RESET_SIGNALS_H_
#define MOAT_BASE_RESET_SIGNALS_H_

namespace moat {

// Nothing blocked or ignored, no handlers. For a forked child before its execve; async-signal-safe.
void ResetSignals();

}  // namespace moat

#endif  // MOAT_BASE_RESET_SIGNALS_H_
