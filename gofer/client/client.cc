#include "gofer/client/client.h"

#include <utility>

#include "gofer/client/service_link.h"
#include "gofer/client/shared_channel.h"

namespace moat::gofer {
namespace {

class SocketClient final : public Client {
 public:
  explicit SocketClient(std::shared_ptr<ServiceLink> service) : service_(std::move(service)) {}

  Result<std::unique_ptr<Channel>> NewChannel() override {
    TRY_ASSIGN(ServiceLink::NewChannel opened, service_->OpenChannel());
    return std::unique_ptr<Channel>(std::make_unique<SharedChannel>(service_, std::move(opened)));
  }

  int hangup_fd() const override { return service_->fd(); }

 private:
  const std::shared_ptr<ServiceLink> service_;  // outlives us in the channels
};

}  // namespace

Result<std::unique_ptr<Client>> Connect(Fd socket) {
  auto service = std::make_shared<ServiceLink>(std::move(socket));
  TRY(service->ShakeHands());
  return std::unique_ptr<Client>(std::make_unique<SocketClient>(std::move(service)));
}

}  // namespace moat::gofer
