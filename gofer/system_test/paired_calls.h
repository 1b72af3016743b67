// File calls in two versions, native and through the gofer, whose results are the same text when
// they are the same.
#ifndef MOAT_GOFER_SYSTEM_TEST_PAIRED_CALLS_H_
#define MOAT_GOFER_SYSTEM_TEST_PAIRED_CALLS_H_

#include <functional>
#include <string>
#include <vector>

#include "gofer/client/client.h"

namespace moat::gofer {

struct Subject {
  int base = -1;  // a directory descriptor
  std::string path;
};

struct PairedCall {
  std::string name;
  std::function<std::string(const Subject&)> native;
  std::function<std::string(Channel&, const Credentials&, const Subject&)> proxied;
  bool changes = true;  // whether a success may change the tree
  // Through the gofer an empty path means the base itself, and natively nothing: not comparable.
  bool empty_is_base = false;
};

// Each reports its value, or the name of its errno.
std::vector<PairedCall> AllPairedCalls();

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SYSTEM_TEST_PAIRED_CALLS_H_
