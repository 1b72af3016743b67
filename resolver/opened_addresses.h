// The entries of the map that the egress program looks at (policies/container/egress_names.h), and
// their ends. Not thread-safe.
#ifndef MOAT_RESOLVER_OPENED_ADDRESSES_H_
#define MOAT_RESOLVER_OPENED_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "base/fd.h"
#include "policies/container/egress_names.h"

namespace moat::resolver {

// Where entries are kept. An interface for tests.
class AddressMap {
 public:
  virtual ~AddressMap() = default;
  virtual absl::Status Set(const policies::OpenedKey& key, uint64_t until) = 0;
  virtual absl::Status Remove(const policies::OpenedKey& key) = 0;
};

// The kernel's. `map` is the descriptor of a BPF hash map.
std::unique_ptr<AddressMap> KernelMap(Fd map);

class OpenedAddresses {
 public:
  explicit OpenedAddresses(std::unique_ptr<AddressMap> map, size_t most = policies::kMaxOpened)
      : map_(std::move(map)), most_(most) {}

  // Opens until `until`, or longer if it was opened for longer. An error: nothing more fits, or the
  // kernel refuses; the address is not open then, unless it was before.
  absl::Status Open(const policies::OpenedKey& key, uint64_t until, uint64_t now);

  // Removes what has ended. The program looks at the time, too: this only makes room.
  void Sweep(uint64_t now);

  size_t size() const { return until_.size(); }

 private:
  std::unique_ptr<AddressMap> map_;
  size_t most_;
  std::map<policies::OpenedKey, uint64_t> until_;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_OPENED_ADDRESSES_H_
