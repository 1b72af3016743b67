// Channel over shared memory: turns each call into one request and its answer back into a value, or
// answers a lookup from what is remembered.
#ifndef MOAT_GOFER_CLIENT_SHARED_CHANNEL_H_
#define MOAT_GOFER_CLIENT_SHARED_CHANNEL_H_

#include <memory>

#include "gofer/client/client.h"
#include "gofer/client/exchange.h"
#include "gofer/client/name_memory.h"

namespace moat::gofer {

class SharedChannel final : public Channel {
 public:
  // `names` may be null: nothing is remembered then.
  SharedChannel(std::unique_ptr<GoferExchange> exchange, std::shared_ptr<NameCache> names)
      : owned_(std::move(exchange)),
        exchange_(*owned_),
        names_(exchange_, std::move(names), NameMemory::MayAsk::kYes) {}
  SharedChannel(std::unique_ptr<NoExchange> nobody, std::shared_ptr<NameCache> names)
      : nobody_(nobody.get()),
        owned_(std::move(nobody)),
        exchange_(*owned_),
        names_(exchange_, std::move(names), NameMemory::MayAsk::kNo) {}

  bool broken() const override { return exchange_.broken(); }
  bool TakeForgotten() override { return nobody_ != nullptr && nobody_->TakeCalled(); }

  Outcome<Opened> Open(const Credentials& credentials, const PathRef& path, uint64_t flags,
                       uint32_t mode, uint64_t resolve, const GiveUp& give_up) override;
  Memory Recall(const Credentials& credentials, const PathRef& path, Follow follow) override;
  Outcome<Opened> OpenForExec(const Credentials& credentials, const PathRef& path,
                              Follow follow) override;
  Outcome<struct statx> Stat(const Credentials& credentials, const PathRef& path, int at_flags,
                             uint32_t mask) override;
  Outcome<struct statfs> StatFs(const Credentials& credentials, const PathRef& path) override;
  Outcome<Unit> Access(const Credentials& credentials, const PathRef& path, int mode,
                       int at_flags) override;
  Outcome<std::string> ReadLink(const Credentials& credentials, const PathRef& path) override;

  Outcome<Unit> Mkdir(const Credentials& credentials, const PathRef& path, uint32_t mode) override;
  Outcome<Unit> Mknod(const Credentials& credentials, const PathRef& path, uint32_t mode,
                      uint64_t device) override;
  Outcome<Unit> Symlink(const Credentials& credentials, absl::string_view target,
                        const PathRef& path) override;
  Outcome<Unit> Link(const Credentials& credentials, const PathRef& from, const PathRef& to,
                     int at_flags) override;
  Outcome<Unit> Unlink(const Credentials& credentials, const PathRef& path, int at_flags) override;
  Outcome<Unit> Rename(const Credentials& credentials, const PathRef& from, const PathRef& to,
                       uint32_t flags) override;
  Outcome<Unit> Chmod(const Credentials& credentials, const PathRef& path, uint32_t mode,
                      int at_flags) override;
  Outcome<Unit> Chown(const Credentials& credentials, const PathRef& path, uint32_t uid,
                      uint32_t gid, int at_flags) override;
  Outcome<Unit> SetTimes(const Credentials& credentials, const PathRef& path,
                         const std::optional<std::array<struct timespec, 2>>& times,
                         int at_flags) override;
  Outcome<Unit> Truncate(const Credentials& credentials, const PathRef& path,
                         int64_t length) override;

  Outcome<std::string> GetXattr(const Credentials& credentials, const PathRef& path, Follow follow,
                                absl::string_view name) override;
  Outcome<std::string> ListXattr(const Credentials& credentials, const PathRef& path,
                                 Follow follow) override;
  Outcome<Unit> SetXattr(const Credentials& credentials, const PathRef& path, Follow follow,
                         absl::string_view name, absl::string_view value, int flags) override;
  Outcome<Unit> RemoveXattr(const Credentials& credentials, const PathRef& path, Follow follow,
                            absl::string_view name) override;

  Outcome<Unit> BindUnix(const Credentials& credentials, int socket, const PathRef& path) override;
  Outcome<Unit> ConnectUnix(const Credentials& credentials, int socket, const PathRef& path,
                            const GiveUp& give_up) override;
  Outcome<size_t> SendToUnix(const Credentials& credentials, int socket, const PathRef& path,
                             absl::string_view data, int flags) override;
  Outcome<int> InotifyAdd(const Credentials& credentials, int inotify, const PathRef& path,
                          uint32_t mask) override;

 private:
  // Passes `outcome` on, once what has gone is forgotten.
  template <typename T>
  Outcome<T> Refreshed(Outcome<T> outcome);

  NoExchange* const nobody_ = nullptr;  // owned_, if it is one
  const std::unique_ptr<Exchange> owned_;
  Exchange& exchange_;
  NameMemory names_;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_SHARED_CHANNEL_H_
