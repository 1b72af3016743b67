#include "policies/container/parse_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "nlohmann/json.hpp"
#include "policies/container/devices.h"
#include "policies/container/fields.h"
#include "policies/container/parse_calls.h"

namespace moat::policies {
namespace {

constexpr size_t kMaxText = 1 << 20;
constexpr size_t kMaxLayers = 8;

template <typename T, typename Parse>
absl::Status ReadList(const JsonValue& object, absl::string_view key, std::vector<T>& out,
                      Parse parse) {
  const JsonValue* list = object.Find(key);
  if (list == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(Expect(*list, JsonValue::Kind::kArray, absl::StrCat("\"", key, "\"")));
  for (const JsonValue& item : list->items) {
    ASSIGN_OR_RETURN(T rule, parse(item));
    out.push_back(std::move(rule));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> OtherwiseAllow(const JsonValue& object) {
  ASSIGN_OR_RETURN(const std::string otherwise,
                   StringField(object, "otherwise", Presence::kRequired));
  if (otherwise != "allow" && otherwise != "deny") {
    return FaultAt(object.Find("otherwise")->at, "\"otherwise\" is allow or deny");
  }
  return otherwise == "allow";
}

absl::StatusOr<FileRule> ParseFileRule(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"hide", "read_only", "deny", "optional", "reason"}));
  FileRule rule;
  rule.at = object.at;
  constexpr std::pair<absl::string_view, FileRule::Kind> kKinds[] = {
      {"hide", FileRule::Kind::kHide},
      {"read_only", FileRule::Kind::kReadOnly},
      {"deny", FileRule::Kind::kDeny}};
  int kinds = 0;
  for (const auto& [key, kind] : kKinds) {
    const JsonValue* path = object.Find(key);
    if (path == nullptr) continue;
    ++kinds;
    rule.kind = kind;
    ASSIGN_OR_RETURN(rule.path, AbsolutePath(*path));
  }
  if (kinds != 1) return FaultAt(object.at, "a file rule has one of hide, read_only and deny");
  ASSIGN_OR_RETURN(rule.optional, BooleanField(object, "optional"));
  ASSIGN_OR_RETURN(rule.reason, StringField(object, "reason", Presence::kRequired));
  return rule;
}

absl::StatusOr<ExecRule> ParseExecRule(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"allow", "optional", "reason"}));
  const JsonValue* path = object.Find("allow");
  if (path == nullptr) return FaultAt(object.at, "\"allow\" is missing");
  ExecRule rule;
  rule.at = object.at;
  ASSIGN_OR_RETURN(rule.path, AbsolutePath(*path));
  ASSIGN_OR_RETURN(rule.optional, BooleanField(object, "optional"));
  ASSIGN_OR_RETURN(rule.reason, StringField(object, "reason", Presence::kRequired));
  return rule;
}

// Where the addresses of a name may lie: addresses and prefixes, nothing else.
absl::Status ReadWithin(const JsonValue& object, EgressRule& rule) {
  const JsonValue* within = object.Find("within");
  if (within == nullptr) return absl::OkStatus();
  if (rule.to.name.empty()) {
    return FaultAt(within->at, "\"within\" bounds the addresses of a name; this rule has none");
  }
  ASSIGN_OR_RETURN(const std::vector<JsonValue> ranges, ListField(object, "within"));
  for (const JsonValue& range : ranges) {
    RETURN_IF_ERROR(Expect(range, JsonValue::Kind::kString, "a range of addresses"));
    const absl::StatusOr<Destination> parsed = ParseDestination(range.text);
    if (!parsed.ok()) return FaultAt(range.at, parsed.status().message());
    if (!parsed->name.empty() || !parsed->AnyPort() || parsed->protocol != Protocol::kAny) {
      return FaultAt(range.at, "\"within\" holds addresses and prefixes, as 10.0.0.0/8");
    }
    rule.within.push_back(*parsed);
  }
  return absl::OkStatus();
}

absl::StatusOr<EgressRule> ParseEgressRule(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"allow", "deny", "within", "reason"}));
  EgressRule rule;
  rule.at = object.at;
  rule.allow = object.Find("allow") != nullptr;
  const JsonValue* to = object.Find(rule.allow ? "allow" : "deny");
  if (to == nullptr || (rule.allow && object.Find("deny") != nullptr)) {
    return FaultAt(object.at, "an egress rule has one of allow and deny");
  }
  RETURN_IF_ERROR(Expect(*to, JsonValue::Kind::kString, "a destination"));
  rule.text = to->text;
  const absl::StatusOr<Destination> destination = ParseDestination(to->text);
  if (!destination.ok()) return FaultAt(to->at, destination.status().message());
  rule.to = *destination;
  if (!rule.allow && !rule.to.name.empty()) {
    return FaultAt(to->at, "a name can't be denied: whoever may reach its address needs no name");
  }
  RETURN_IF_ERROR(ReadWithin(object, rule));
  ASSIGN_OR_RETURN(rule.reason, StringField(object, "reason", Presence::kRequired));
  return rule;
}

// "10.0.0.53", "[2001:db8::53]:5353"
absl::StatusOr<EndPoint> ParseResolver(const JsonValue& value) {
  constexpr uint16_t kDnsPort = 53;
  RETURN_IF_ERROR(Expect(value, JsonValue::Kind::kString, "the address of a DNS server"));
  const absl::StatusOr<Destination> parsed = ParseDestination(value.text);
  if (!parsed.ok()) return FaultAt(value.at, parsed.status().message());
  const bool one = parsed->name.empty() && parsed->prefix == 128;
  if (!one || (!parsed->AnyPort() && parsed->first_port != parsed->last_port)) {
    return FaultAt(value.at, "write one address, as 10.0.0.53 or [2001:db8::53]:5353");
  }
  return EndPoint{parsed->address, parsed->AnyPort() ? kDnsPort : parsed->first_port,
                  Protocol::kUdp};
}

absl::StatusOr<Egress> ParseEgress(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"rules", "otherwise", "resolvers"}));
  Egress egress;
  egress.at = object.at;
  ASSIGN_OR_RETURN(egress.otherwise_allow, OtherwiseAllow(object));
  if (const JsonValue* resolvers = object.Find("resolvers")) {
    constexpr size_t kMaxResolvers = 8;
    ASSIGN_OR_RETURN(const std::vector<JsonValue> list, ListField(object, "resolvers"));
    if (list.size() > kMaxResolvers) return FaultAt(resolvers->at, "at most 8 DNS servers");
    for (const JsonValue& item : list) {
      ASSIGN_OR_RETURN(const EndPoint resolver, ParseResolver(item));
      egress.resolvers.push_back(resolver);
    }
  }
  RETURN_IF_ERROR(ReadList(object, "rules", egress.rules, ParseEgressRule));
  return egress;
}

absl::StatusOr<EgressRule> ParseListenRule(const JsonValue& object) {
  ASSIGN_OR_RETURN(EgressRule rule, ParseEgressRule(object));
  if (!rule.to.name.empty())
    return FaultAt(rule.at, "a name can't be listened on; give an address");
  if (rule.to.protocol == Protocol::kIcmp) return FaultAt(rule.at, "icmp has no ports");
  return rule;
}

absl::StatusOr<Egress> ParseListen(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"rules", "otherwise"}));
  Egress listen;
  listen.at = object.at;
  ASSIGN_OR_RETURN(listen.otherwise_allow, OtherwiseAllow(object));
  RETURN_IF_ERROR(ReadList(object, "rules", listen.rules, ParseListenRule));
  return listen;
}

absl::StatusOr<DeviceRule> ParseDeviceRule(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"allow", "deny", "reason"}));
  const JsonValue* allow = object.Find("allow");
  const JsonValue* deny = object.Find("deny");
  if ((allow != nullptr) == (deny != nullptr)) {
    return FaultAt(object.at, "a device rule has one of allow and deny");
  }
  const JsonValue& device = allow != nullptr ? *allow : *deny;
  RETURN_IF_ERROR(Expect(device, JsonValue::Kind::kString, "a device"));
  absl::StatusOr<DeviceRule> rule = ParseDevice(device.text);
  if (!rule.ok()) return FaultAt(device.at, rule.status().message());
  rule->allow = allow != nullptr;
  rule->at = object.at;
  ASSIGN_OR_RETURN(rule->reason, StringField(object, "reason", Presence::kRequired));
  return rule;
}

absl::StatusOr<Devices> ParseDevices(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"rules", "otherwise"}));
  Devices devices;
  devices.at = object.at;
  ASSIGN_OR_RETURN(devices.otherwise_allow, OtherwiseAllow(object));
  RETURN_IF_ERROR(ReadList(object, "rules", devices.rules, ParseDeviceRule));
  return devices;
}

absl::StatusOr<int64_t> Count(const JsonValue& value) {
  const auto number = value.AsUnsigned();
  if (!number || *number == 0 || *number > (uint64_t{1} << 31)) {
    return FaultAt(value.at, "expected a number from 1 on");
  }
  return static_cast<int64_t>(*number);
}

absl::StatusOr<Limits> ParseLimits(const JsonValue& object) {
  RETURN_IF_ERROR(CheckKeys(object, {"memory", "pids", "open_files", "file_size"}));
  Limits limits;
  if (const JsonValue* value = object.Find("memory")) {
    ASSIGN_OR_RETURN(limits.memory, Size(*value));
  }
  if (const JsonValue* value = object.Find("file_size")) {
    ASSIGN_OR_RETURN(limits.file_size, Size(*value));
  }
  if (const JsonValue* value = object.Find("pids")) {
    ASSIGN_OR_RETURN(limits.pids, Count(*value));
  }
  if (const JsonValue* value = object.Find("open_files")) {
    ASSIGN_OR_RETURN(limits.open_files, Count(*value));
  }
  return limits;
}

absl::Status ReadLayer(absl::string_view text, Layer& layer) {
  if (text.size() > kMaxText) return FaultAt({}, "a policy has at most 1 MiB");
  ASSIGN_OR_RETURN(const JsonValue file, ParseJson(text));
  RETURN_IF_ERROR(CheckKeys(file, {"$schema", "name", "description", "extends", "calls", "files",
                                   "exec", "egress", "listen", "devices", "limits"}));
  ASSIGN_OR_RETURN(layer.name, StringField(file, "name", Presence::kRequired));
  ASSIGN_OR_RETURN(layer.description, StringField(file, "description", Presence::kOptional));
  ASSIGN_OR_RETURN(layer.extends, StringField(file, "extends", Presence::kOptional));
  RETURN_IF_ERROR(ReadList(file, "calls", layer.calls, ParseCallRule));
  RETURN_IF_ERROR(ReadList(file, "files", layer.files, ParseFileRule));
  if (file.Find("exec") != nullptr) {
    RETURN_IF_ERROR(ReadList(file, "exec", layer.exec.emplace(), ParseExecRule));
  }
  if (const JsonValue* egress = file.Find("egress")) {
    ASSIGN_OR_RETURN(layer.egress, ParseEgress(*egress));
  }
  if (const JsonValue* listen = file.Find("listen")) {
    ASSIGN_OR_RETURN(layer.listen, ParseListen(*listen));
  }
  if (const JsonValue* devices = file.Find("devices")) {
    ASSIGN_OR_RETURN(layer.devices, ParseDevices(*devices));
  }
  if (const JsonValue* limits = file.Find("limits")) {
    ASSIGN_OR_RETURN(layer.limits, ParseLimits(*limits));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Layer> ParseLayer(absl::string_view source, absl::string_view text) {
  Layer layer;
  layer.source = std::string(source);
  layer.text = std::string(text);
  if (const absl::Status status = ReadLayer(text, layer); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(source, ":", status.message()));
  }
  return layer;
}

absl::StatusOr<Policy> WithLayersBelow(Layer top, const FindPolicy& find) {
  Policy policy;
  policy.layers.push_back(std::move(top));
  while (!policy.layers.back().extends.empty()) {
    if (policy.layers.size() == kMaxLayers) {
      return absl::InvalidArgumentError(absl::StrCat(policy.top().source, ": extends more than ",
                                                     kMaxLayers - 1, " policies, or itself"));
    }
    const Layer& above = policy.layers.back();
    absl::StatusOr<Layer> below = find(above.extends);
    if (!below.ok()) {
      return Annotate(below.status(), absl::StrCat(above.source, ": \"extends\""));
    }
    policy.layers.push_back(*std::move(below));
  }
  return policy;
}

std::string SavedPolicy(const Policy& policy) {
  nlohmann::json saved = nlohmann::json::array();
  for (const Layer& layer : policy.layers) {
    saved.push_back({{"source", layer.source}, {"text", layer.text}});
  }
  return saved.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<Policy> PolicyFromSaved(const std::string& saved) {
  const auto list = nlohmann::json::parse(saved, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array() || list.empty()) return absl::DataLossError("a saved policy is damaged");
  Policy policy;
  for (const auto& item : list) {
    if (!item.is_object()) return absl::DataLossError("a saved policy is damaged");
    ASSIGN_OR_RETURN(Layer layer, ParseLayer(item.value("source", ""), item.value("text", "")));
    policy.layers.push_back(std::move(layer));
  }
  return policy;
}

}  // namespace moat::policies
