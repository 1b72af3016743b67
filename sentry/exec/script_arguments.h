// The argument list of a script's interpreter, made of the caller's own list.
#ifndef MOAT_SENTRY_EXEC_SCRIPT_ARGUMENTS_H_
#define MOAT_SENTRY_EXEC_SCRIPT_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "platform/platform.h"
#include "sentry/call.h"

namespace moat::sentry {

class ScriptArguments {
 public:
  // `argv` is the caller's list (null: none); its first entry is replaced by `prefix`. The strings
  // are not looked at. EFAULT, E2BIG.
  static Result<ScriptArguments> Read(Call& call, platform::GuestAddr argv,
                                      std::vector<std::string> prefix);

  // How much memory of the caller's the new list and the strings of the prefix take.
  size_t size() const;
  // What is to lie there when that memory begins at `address`: the list comes first.
  std::string At(platform::GuestAddr address) const;

 private:
  std::vector<std::string> prefix_;
  std::vector<uint64_t> rest_;  // addresses of the other arguments
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_EXEC_SCRIPT_ARGUMENTS_H_
