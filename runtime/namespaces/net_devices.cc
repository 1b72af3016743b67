#include "runtime/namespaces/net_devices.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/namespaces/netlink.h"

namespace moat::namespaces {
namespace {

// One address of an interface, ready to be given to it again.
struct Address {
  ifaddrmsg header = {};
  std::vector<NetlinkAttribute> attributes;
};

bool IsKept(uint16_t attribute) {
  return attribute == IFA_ADDRESS || attribute == IFA_LOCAL || attribute == IFA_BROADCAST ||
         attribute == IFA_RT_PRIORITY;
}

absl::StatusOr<std::vector<Address>> PermanentAddresses(NetlinkSocket& socket, unsigned index,
                                                        const std::string& name) {
  std::vector<Address> addresses;
  const NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  RETURN_IF_ERROR(socket.Dump(request, name, [&](absl::string_view body) {
    Address address;
    if (body.size() < sizeof(address.header)) return;
    std::memcpy(&address.header, body.data(), sizeof(address.header));
    const bool wanted = address.header.ifa_index == index &&
                        (address.header.ifa_flags & IFA_F_PERMANENT) != 0 &&
                        address.header.ifa_scope == RT_SCOPE_UNIVERSE;
    if (!wanted) return;
    for (NetlinkAttribute& attribute : ParseAttributes(body, sizeof(ifaddrmsg))) {
      if (IsKept(attribute.type)) address.attributes.push_back(std::move(attribute));
    }
    addresses.push_back(std::move(address));
  }));
  return addresses;
}

ifinfomsg LinkHeader(unsigned index) {
  ifinfomsg header = {};
  header.ifi_index = static_cast<int>(index);
  return header;
}

absl::Status MoveLink(NetlinkSocket& socket, unsigned index, const std::string& name,
                      const std::string& new_name, int net_namespace) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK, LinkHeader(index));
  request.AddValue(IFLA_NET_NS_FD, static_cast<uint32_t>(net_namespace));
  request.Add(IFLA_IFNAME, absl::string_view(new_name.c_str(), new_name.size() + 1));
  return socket.Do(request, name);
}

absl::Status GiveAddresses(NetlinkSocket& socket, unsigned index, const std::string& name,
                           std::vector<Address>& addresses) {
  for (Address& address : addresses) {
    address.header.ifa_index = index;
    NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, address.header);
    for (const NetlinkAttribute& attribute : address.attributes) {
      request.Add(attribute.type, attribute.data);
    }
    RETURN_IF_ERROR(Annotate(socket.Do(request, name), "its address"));
  }
  return absl::OkStatus();
}

absl::Status SetUp(NetlinkSocket& socket, unsigned index, const std::string& name) {
  ifinfomsg header = LinkHeader(index);
  header.ifi_flags = header.ifi_change = IFF_UP;
  return socket.Do(NetlinkRequest(RTM_NEWLINK, NLM_F_ACK, header), name);
}

std::vector<unsigned> LinkNumbers(NetlinkSocket& socket, absl::Status& status) {
  std::vector<unsigned> numbers;
  status = socket.Dump(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}), "links",
                       [&](absl::string_view body) {
                         ifinfomsg link = {};
                         if (body.size() < sizeof(link)) return;
                         std::memcpy(&link, body.data(), sizeof(link));
                         numbers.push_back(static_cast<unsigned>(link.ifi_index));
                       });
  return numbers;
}

// The one of `after` that `before` has not: the number that the interface has now, which the kernel
// changes when it was taken there.
absl::StatusOr<unsigned> NewNumber(const std::vector<unsigned>& before,
                                   const std::vector<unsigned>& after) {
  for (const unsigned number : after) {
    bool known = false;
    for (const unsigned old : before) known = known || old == number;
    if (!known) return number;
  }
  return absl::NotFoundError("the interface did not arrive");
}

absl::StatusOr<NetlinkSocket> SocketIn(int net_namespace) {
  if (::setns(net_namespace, CLONE_NEWNET) < 0) {
    return ErrnoStatus(errno, "setns", "the container's network");
  }
  return NetlinkSocket::Create();
}

// In a child: it changes its network.
absl::Status MoveInChild(const std::string& name, const std::string& new_name, int net_namespace) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return ErrnoStatus(errno, "if_nametoindex", name);
  ASSIGN_OR_RETURN(NetlinkSocket here, NetlinkSocket::Create());
  ASSIGN_OR_RETURN(std::vector<Address> addresses, PermanentAddresses(here, index, name));
  ASSIGN_OR_RETURN(NetlinkSocket there, SocketIn(net_namespace));
  absl::Status listed;
  const std::vector<unsigned> before = LinkNumbers(there, listed);
  RETURN_IF_ERROR(listed);
  RETURN_IF_ERROR(MoveLink(here, index, name, new_name, net_namespace));
  const std::vector<unsigned> after = LinkNumbers(there, listed);
  RETURN_IF_ERROR(listed);
  ASSIGN_OR_RETURN(const unsigned number, NewNumber(before, after));
  RETURN_IF_ERROR(GiveAddresses(there, number, name, addresses));
  return SetUp(there, number, name);
}

}  // namespace

absl::Status MoveNetDevices(const std::map<std::string, spec::NetDevice>& devices,
                            int net_namespace) {
  for (const auto& [name, device] : devices) {
    const std::string new_name = device.name.empty() ? name : device.name;
    const auto moved = RunInChild([&, &from = name]() -> absl::StatusOr<Handover> {
      RETURN_IF_ERROR(MoveInChild(from, new_name, net_namespace));
      return Handover();
    });
    if (!moved.ok()) return Annotate(moved.status(), absl::StrCat("linux.netDevices.", name));
  }
  return absl::OkStatus();
}

}  // namespace moat::namespaces
