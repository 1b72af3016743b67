// What an operator says of a container, as data: docs/policy.md, policies/schema.json.
//
// A policy file is one layer. It may extend another one, in the end always the table of system
// calls (sentry/syscalls/table.h); the layer on top is asked first.
#ifndef MOAT_POLICIES_CONTAINER_POLICY_H_
#define MOAT_POLICIES_CONTAINER_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policies/compiler/filter_spec.h"
#include "policies/container/json_text.h"
#include "policies/container/network.h"

namespace moat::policies {

// One entry of "calls". Action kinds: kAllow (native), kNotify (sentry), kErrno, kKillProcess.
struct CallRule {
  struct Name {
    std::string text;
    Position at;
  };
  std::vector<Name> calls;
  // Ways in which the rule applies; each holds when all its conditions do. Empty: always.
  std::vector<std::vector<Condition>> when;
  Action action;
  std::string reason;
  std::string loosen;  // why it may allow more than what lies below; "": it may not
  Position at;
};

struct FileRule {
  enum class Kind { kHide, kReadOnly, kDeny };
  Kind kind = Kind::kHide;
  std::string path;  // absolute, without "." and ".."
  bool optional = false;
  std::string reason;
  Position at;
};

// What may be executed, or mapped as code: files, and all below directories.
struct ExecRule {
  std::string path;
  bool optional = false;
  std::string reason;
  Position at;
};

struct EgressRule {
  bool allow = false;
  std::string text;  // as written
  Destination to;
  // Of a rule by name: where its addresses may lie. Empty: anywhere in public.
  std::vector<Destination> within;
  std::string reason;
  Position at;
};

// The first rule that covers a destination decides. What rules by name mean: egress_names.h.
struct Egress {
  std::vector<EgressRule> rules;
  bool otherwise_allow = false;
  // Who is asked for names; empty: whom the container's /etc/resolv.conf names.
  std::vector<EndPoint> resolvers;
  Position at;
};

// A device by its numbers, as control groups know it.
struct DeviceRule {
  bool allow = false;
  std::string text;                      // as written: "c 10:232 rw"
  char type = 'a';                       // 'c', 'b', or 'a': all, whatever the numbers
  std::optional<uint32_t> major, minor;  // none: any
  std::string access;                    // of "rwm"; "": all three
  std::string reason;
  Position at;
};

// The first rule that covers a device decides, for each kind of access.
struct Devices {
  std::vector<DeviceRule> rules;
  bool otherwise_allow = false;
  Position at;
};

// Each is an upper bound of what the config says.
struct Limits {
  std::optional<int64_t> memory;      // bytes
  std::optional<int64_t> pids;        // processes and threads
  std::optional<int64_t> open_files;  // RLIMIT_NOFILE
  std::optional<int64_t> file_size;   // RLIMIT_FSIZE, bytes
};

struct Layer {
  std::string source;  // what errors call it: "strict", "/etc/moat/policies/web.json"
  std::string text;    // the file

  std::string name, description;
  std::string extends;  // "": the table
  std::vector<CallRule> calls;
  std::vector<FileRule> files;
  std::optional<std::vector<ExecRule>> exec;
  std::optional<Egress> egress;
  std::optional<Egress> listen;  // addresses and ports that may be bound; no names
  std::optional<Devices> devices;
  Limits limits;
};

// From the top down, at least one.
struct Policy {
  std::vector<Layer> layers;

  const Layer& top() const { return layers.front(); }
  // Those of the topmost layer that has any.
  const Egress* egress() const;
  const Egress* listen() const;
  const Devices* devices() const;
  const std::vector<ExecRule>* exec() const;
  // Of all layers, the smallest.
  Limits limits() const;
  // Of all layers.
  std::vector<FileRule> files() const;
  // "SOURCE:LINE:COLUMN: reason" of every rule with "loosen".
  std::vector<std::string> Loosened() const;
};

// "strict:12:5"
std::string PlaceOf(const Layer& layer, Position at);

}  // namespace moat::policies

#endif  // MOAT_POLICIES_CONTAINER_POLICY_H_
