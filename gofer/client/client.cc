#include "gofer/client/client.h"

#include <utility>

#include "gofer/client/name_cache.h"
#include "gofer/client/service_link.h"
#include "gofer/client/shared_channel.h"

namespace moat::gofer {
namespace {

class SharedClient final : public Client {
 public:
  // `names`: null when nothing may be remembered.
  SharedClient(std::shared_ptr<ServiceLink> service, std::shared_ptr<NameCache> names)
      : service_(std::move(service)), names_(std::move(names)) {}

  Result<std::unique_ptr<Channel>> NewChannel() override {
    TRY_ASSIGN(ServiceLink::NewChannel opened, service_->OpenChannel());
    return std::unique_ptr<Channel>(std::make_unique<SharedChannel>(
        std::make_unique<GoferExchange>(service_, std::move(opened)), names_));
  }
  std::unique_ptr<Channel> NewMemoryChannel() override {
    return std::make_unique<SharedChannel>(std::make_unique<NoExchange>(), names_);
  }

  int hangup_fd() const override { return service_->fd(); }

 private:
  // These outlive us in the channels.
  const std::shared_ptr<ServiceLink> service_;
  const std::shared_ptr<NameCache> names_;
};

}  // namespace

Result<std::unique_ptr<Client>> Connect(Fd socket, uint32_t lookups_before_remembering) {
  auto service = std::make_shared<ServiceLink>(std::move(socket));
  TRY_ASSIGN(Fd events, service->ShakeHands());
  auto names =
      events ? std::make_shared<NameCache>(std::move(events), lookups_before_remembering) : nullptr;
  return std::unique_ptr<Client>(
      std::make_unique<SharedClient>(std::move(service), std::move(names)));
}

}  // namespace moat::gofer
