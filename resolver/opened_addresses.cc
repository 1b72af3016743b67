#include "resolver/opened_addresses.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "base/status.h"

namespace moat::resolver {
namespace {

using policies::OpenedKey;

class KernelAddressMap : public AddressMap {
 public:
  explicit KernelAddressMap(Fd map) : map_(std::move(map)) {}

  absl::Status Set(const OpenedKey& key, uint64_t until) override {
    return Call(BPF_MAP_UPDATE_ELEM, key, &until);
  }
  absl::Status Remove(const OpenedKey& key) override {
    return Call(BPF_MAP_DELETE_ELEM, key, nullptr);
  }

 private:
  absl::Status Call(int command, const OpenedKey& key, const uint64_t* value) const {
    bpf_attr attributes = {};
    attributes.map_fd = static_cast<uint32_t>(map_.get());
    attributes.key = std::bit_cast<uint64_t>(&key);
    attributes.value = std::bit_cast<uint64_t>(value);
    if (::syscall(SYS_bpf, command, &attributes, sizeof(attributes)) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "bpf", "the map of addresses");
  }

  Fd map_;
};

}  // namespace

std::unique_ptr<AddressMap> KernelMap(Fd map) {
  return std::make_unique<KernelAddressMap>(std::move(map));
}

absl::Status OpenedAddresses::Open(const OpenedKey& key, uint64_t until, uint64_t now) {
  const auto found = until_.find(key);
  if (found != until_.end() && found->second >= until) return absl::OkStatus();
  if (found == until_.end() && until_.size() >= most_) {
    Sweep(now);
    if (until_.size() >= most_) {
      return absl::ResourceExhaustedError("the addresses of too many names are in use");
    }
  }
  RETURN_IF_ERROR(map_->Set(key, until));
  until_[key] = until;
  return absl::OkStatus();
}

void OpenedAddresses::Sweep(uint64_t now) {
  for (auto entry = until_.begin(); entry != until_.end();) {
    if (entry->second >= now) {
      ++entry;
      continue;
    }
    map_->Remove(entry->first).IgnoreError();
    entry = until_.erase(entry);
  }
}

}  // namespace moat::resolver
