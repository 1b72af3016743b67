#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/io_uring.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/fd.h"
#include "bench/moat_bench/guest/look.h"
#include "bench/moat_bench/guest/raw_call.h"
#include "bench/moat_bench/guest/syscall_probes.h"

namespace moat::bench {
namespace {

long Address(const void* pointer) { return static_cast<long>(reinterpret_cast<intptr_t>(pointer)); }

std::string Judge(long result, const char* what) {
  if (result < 0) return std::string(what) + ": " + NameOfErrno(static_cast<int>(-result));
  return std::string("open: ") + what + " answers";
}

std::string NewMountCalls() {
  const long context = Call(SYS_fsopen, Address("tmpfs"), 0);
  if (context >= 0) return Judge(context, "fsopen");
  constexpr long kClone = 1;  // OPEN_TREE_CLONE
  const long tree = Call(SYS_open_tree, AT_FDCWD, Address("/"), kClone);
  if (tree >= 0) return Judge(tree, "open_tree");
  return Judge(context, "fsopen") + ", " + Judge(tree, "open_tree");
}

std::string UserNamespace() {
  return Judge(Call(SYS_unshare, CLONE_NEWUSER), "unshare(CLONE_NEWUSER)");
}

// Asks nf_tables for its generation number, in a network namespace of its own where there can be
// one.
std::string NetworkFilterTables() {
  const long fresh = Call(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET);
  const Fd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!socket_fd.valid()) return "socket: " + NameOfErrno(errno);
  struct {
    nlmsghdr header;
    nfgenmsg message;
  } request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  if (send(socket_fd.get(), &request, sizeof request, 0) == -1)
    return "send: " + NameOfErrno(errno);
  const timeval patience = {1, 0};
  setsockopt(socket_fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct {
    nlmsghdr header;
    int error;
    char rest[2048];
  } answer = {};
  if (recv(socket_fd.get(), &answer, sizeof answer, 0) == -1) return "recv: " + NameOfErrno(errno);
  if (answer.header.nlmsg_type == NLMSG_ERROR) return "nf_tables: " + NameOfErrno(-answer.error);
  return std::string("open: nf_tables answers") + (fresh == 0 ? " in a new user namespace" : "");
}

std::string IoUring() {
  io_uring_params parameters = {};
  return Judge(Call(SYS_io_uring_setup, 1, Address(&parameters)), "io_uring_setup");
}

std::string Bpf() {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return Judge(Call(SYS_bpf, BPF_MAP_CREATE, Address(&attributes), sizeof attributes), "bpf");
}

std::string Keyrings() {
  constexpr long kProcessKeyring = -2;
  return Judge(Call(SYS_add_key, Address("user"), Address("moat-bench-marker"), Address("x"), 1,
                    kProcessKeyring),
               "add_key");
}

std::string UserFaults() {
  return Judge(Call(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY), "userfaultfd");
}

std::string PerformanceEvents() {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  return Judge(Call(SYS_perf_event_open, Address(&attributes), 0, -1, -1, 0), "perf_event_open");
}

// The way of the "shocker" exploit: a file of the mount below by its number instead of its path.
std::string FileHandles() {
  struct {
    file_handle handle;
    unsigned char bytes[128];
  } place = {};
  place.handle.handle_bytes = sizeof place.bytes;
  int mount = 0;
  const long named =
      Call(SYS_name_to_handle_at, AT_FDCWD, Address("/"), Address(&place), Address(&mount), 0);
  if (named < 0) return Judge(named, "name_to_handle_at");
  const Fd root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return Judge(Call(SYS_open_by_handle_at, root.get(), Address(&place), O_RDONLY),
               "open_by_handle_at");
}

std::string PacketSockets() {
  return Judge(Call(SYS_socket, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), "socket(AF_PACKET)");
}

std::string VirtualMachineSockets() {
  return Judge(Call(SYS_socket, AF_VSOCK, SOCK_STREAM, 0), "socket(AF_VSOCK)");
}

std::string CryptoSockets() {
  return Judge(Call(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0), "socket(AF_ALG)");
}

std::string Modules() {
  // An empty image: refused by the right that is missing, or by the format.
  const long result = Call(SYS_init_module, Address(""), 0, Address(""));
  if (result == -ENOEXEC || result == -EINVAL) return "open: init_module looks at the image";
  return Judge(result, "init_module");
}

}  // namespace

std::vector<SyscallProbe> SyscallProbes() {
  return {{"new mount calls", NewMountCalls},
          {"user namespaces", UserNamespace},
          {"nf_tables", NetworkFilterTables},
          {"io_uring", IoUring},
          {"bpf", Bpf},
          {"keyrings", Keyrings},
          {"userfaultfd", UserFaults},
          {"perf events", PerformanceEvents},
          {"file handles", FileHandles},
          {"packet sockets", PacketSockets},
          {"vsock", VirtualMachineSockets},
          {"crypto sockets", CryptoSockets},
          {"kernel modules", Modules}};
}

}  // namespace moat::bench
