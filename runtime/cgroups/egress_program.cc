#include "runtime/cgroups/egress_program.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "policies/container/egress_names.h"
#include "runtime/cgroups/bpf_program.h"

namespace moat::cgroups {
namespace {

using bpf::Code;
using policies::Destination;
using policies::Egress;
using policies::EgressRule;
using policies::Protocol;

// r1 is the context, struct bpf_sock_addr, at the start only.
constexpr int kResult = BPF_REG_0, kScratch = BPF_REG_2, kContext = BPF_REG_6;
constexpr int kLastWord = BPF_REG_7;  // the IPv4 address, or the last 32 bits of the IPv6 one
constexpr int kPort = BPF_REG_8;      // in host order
constexpr int kProtocol = BPF_REG_9;
constexpr int kV4Bits = 96;
// On the stack, below r10: when the program began, and the key of the map.
constexpr int kNow = -8, kKey = -32;
constexpr int kKeyRule = kKey + static_cast<int>(offsetof(policies::OpenedKey, rule));

// 32 bits of an address as the program loads them.
uint32_t Word(const policies::Address& address, size_t index) {
  uint32_t word;
  std::memcpy(&word, address.data() + index * 4, sizeof(word));
  return word;
}

// The first `bits` of such a word.
uint32_t MaskOf(int bits) {
  const uint32_t mask = bits >= 32 ? 0xffffffff : ~(0xffffffffU >> bits);
  return htonl(mask);
}

Code Answer(bool allow) { return {bpf::Set(kResult, allow ? 1 : 0), bpf::Exit()}; }

// `body` is run when no test of `tests` leaves; a test leaves by jumping behind it. Tests are made
// of instructions of which the last is a jump with its distance still to be set.
Code Guarded(const std::vector<Code>& tests, const Code& body) {
  Code code;
  for (const Code& test : tests) bpf::Append(code, test);
  bpf::Append(code, body);
  size_t at = 0;
  for (const Code& test : tests) {
    at += test.size();
    code[at - 1].off = static_cast<int16_t>(code.size() - at);
  }
  return code;
}

std::vector<Code> PortAndProtocol(const Destination& to) {
  std::vector<Code> tests;
  if (to.protocol != Protocol::kAny) {
    tests.push_back({bpf::SkipIf32(BPF_JNE, kProtocol, static_cast<uint32_t>(to.protocol), 0)});
  }
  if (to.first_port > 0) tests.push_back({bpf::SkipIf32(BPF_JLT, kPort, to.first_port, 0)});
  if (to.last_port < 0xffff) tests.push_back({bpf::SkipIf32(BPF_JGT, kPort, to.last_port, 0)});
  return tests;
}

Code WordTest(const policies::Address& address, size_t index, int bits) {
  const uint32_t mask = MaskOf(bits);
  const bpf_insn get =
      index == 3 ? bpf::Copy(kScratch, kLastWord)
                 : bpf::Load(kScratch, kContext, offsetof(bpf_sock_addr, user_ip6) + index * 4);
  return {get, bpf::And32(kScratch, mask),
          bpf::SkipIf32(BPF_JNE, kScratch, Word(address, index) & mask, 0)};
}

// What rules by name need: the time, and the key but for its rule. `words` puts the address there.
Code PrepareKey(const Egress& egress, const Names* names, const Code& words) {
  if (names == nullptr || !policies::HasNames(egress)) return {};
  Code code = {bpf::Call(BPF_FUNC_ktime_get_ns), bpf::StoreLong(BPF_REG_10, kNow, BPF_REG_0)};
  bpf::Append(code, words);
  code.push_back(bpf::StoreConstant(BPF_REG_10, kKeyRule + 4, 0));
  return code;
}

// That the map has the address for the rule at `place`, with an end that has not come yet.
std::vector<Code> NameTests(uint32_t place, const Names& names) {
  Code find = {bpf::StoreConstant(BPF_REG_10, kKeyRule, place)};
  bpf::Append(find, bpf::Map(BPF_REG_1, names.map));
  bpf::Append(find, {bpf::Copy(BPF_REG_2, BPF_REG_10), bpf::Add(BPF_REG_2, kKey),
                     bpf::Call(BPF_FUNC_map_lookup_elem), bpf::SkipIf(BPF_JEQ, BPF_REG_0, 0, 0)});
  const Code compare = {bpf::LoadLong(BPF_REG_1, BPF_REG_0, 0),
                        bpf::LoadLong(kScratch, BPF_REG_10, kNow),
                        bpf::SkipIfBelow(BPF_REG_1, kScratch, 0)};
  return {find, compare};
}

Code NameRule(const Egress& egress, uint32_t place, const Names* names) {
  if (names == nullptr) return {};
  std::vector<Code> tests = PortAndProtocol(egress.rules[place].to);
  for (Code& test : NameTests(place, *names)) tests.push_back(std::move(test));
  return Guarded(tests, Answer(true));
}

// The rules that may cover an IPv4 address, which kLastWord holds, and the end of the list.
Code Rules4(const Egress& egress, const Names* names) {
  Code code;
  if (names != nullptr) {
    const policies::EndPoint& resolver = names->resolver;
    for (const Protocol protocol : {Protocol::kUdp, Protocol::kTcp}) {
      std::vector<Code> tests =
          PortAndProtocol({"", resolver.address, 128, resolver.port, resolver.port, protocol});
      tests.push_back(WordTest(resolver.address, 3, 32));
      bpf::Append(code, Guarded(tests, Answer(true)));
    }
  }
  const auto word = [](int index, uint32_t value) {
    return bpf::StoreConstant(BPF_REG_10, kKey + index * 4, value);
  };
  bpf::Append(code, PrepareKey(egress, names,
                               {word(0, 0), word(1, 0), word(2, htonl(0xffff)),
                                bpf::StoreWord(BPF_REG_10, kKey + 12, kLastWord)}));
  for (uint32_t place = 0; place < egress.rules.size(); ++place) {
    const EgressRule& rule = egress.rules[place];
    if (!rule.to.name.empty()) {
      bpf::Append(code, NameRule(egress, place, names));
      continue;
    }
    const bool any = rule.to.prefix == 0;
    if (!any && !(rule.to.prefix >= kV4Bits && policies::IsV4(rule.to.address))) continue;
    std::vector<Code> tests = PortAndProtocol(rule.to);
    if (rule.to.prefix > kV4Bits) {
      tests.push_back(WordTest(rule.to.address, 3, rule.to.prefix - kV4Bits));
    }
    bpf::Append(code, Guarded(tests, Answer(rule.allow)));
  }
  bpf::Append(code, Answer(egress.otherwise_allow));
  return code;
}

Code Rules6(const Egress& egress, const Names* names) {
  Code words;
  for (int word = 0; word < 4; ++word) {
    const size_t from = offsetof(bpf_sock_addr, user_ip6) + static_cast<size_t>(word) * 4;
    words.push_back(bpf::Load(kScratch, kContext, from));
    words.push_back(bpf::StoreWord(BPF_REG_10, kKey + word * 4, kScratch));
  }
  Code code = PrepareKey(egress, names, words);
  for (uint32_t place = 0; place < egress.rules.size(); ++place) {
    const EgressRule& rule = egress.rules[place];
    if (!rule.to.name.empty()) {
      bpf::Append(code, NameRule(egress, place, names));
      continue;
    }
    if (rule.to.prefix >= kV4Bits && policies::IsV4(rule.to.address)) continue;
    std::vector<Code> tests = PortAndProtocol(rule.to);
    for (size_t word = 0; word < 4; ++word) {
      const int bits = std::min(32, rule.to.prefix - static_cast<int>(word) * 32);
      if (bits > 0) tests.push_back(WordTest(rule.to.address, word, bits));
    }
    bpf::Append(code, Guarded(tests, Answer(rule.allow)));
  }
  bpf::Append(code, Answer(egress.otherwise_allow));
  return code;
}

Code LoadFacts(size_t last_word) {
  return {bpf::Copy(kContext, BPF_REG_1), bpf::Load(kLastWord, kContext, last_word),
          bpf::Load(kPort, kContext, offsetof(bpf_sock_addr, user_port)),
          // Network order, which is the other way round here.
          bpf::Instruction(BPF_ALU | BPF_END | BPF_TO_BE, kPort, 0, 0, 16),
          bpf::Load(kProtocol, kContext, offsetof(bpf_sock_addr, protocol))};
}

// connect(2) takes 0.0.0.0 for 127.0.0.1.
Code AnyIsLoopback() {
  return {bpf::SkipIf32(BPF_JNE, kLastWord, 0, 1),
          bpf::Set(kLastWord, static_cast<int32_t>(htonl(INADDR_LOOPBACK)))};
}

Code WordIs(size_t word, uint32_t value) {
  return {bpf::Load(kScratch, kContext, offsetof(bpf_sock_addr, user_ip6) + word * 4),
          bpf::SkipIf32(BPF_JNE, kScratch, value, 0)};
}

// An IPv4 address in an IPv6 one, ::ffff:a.b.c.d.
std::vector<Code> IsMapped() { return {WordIs(0, 0), WordIs(1, 0), WordIs(2, htonl(0xffff))}; }

bool AllowsIcmp(const Egress& egress) {
  for (const EgressRule& rule : egress.rules) {
    const bool any = rule.to.prefix == 0 && rule.to.name.empty();
    if (rule.to.protocol == Protocol::kIcmp && any) return rule.allow;
  }
  return egress.otherwise_allow;
}

struct Program {
  bpf_prog_type type;
  bpf_attach_type hook;
  Code code;
};

absl::Status AttachAll(const std::vector<Program>& programs, const char* what,
                       const std::string& directory) {
  for (const Program& program : programs) {
    ASSIGN_OR_RETURN(const Fd loaded,
                     bpf::LoadProgram(program.type, program.hook, program.code, what));
    RETURN_IF_ERROR(bpf::AttachProgram(loaded, program.hook, directory));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<bpf_insn> CompileEgress4(const Egress& egress, const Names* names) {
  Code code = LoadFacts(offsetof(bpf_sock_addr, user_ip4));
  bpf::Append(code, AnyIsLoopback());
  bpf::Append(code, Rules4(egress, names));
  return code;
}

std::vector<bpf_insn> CompileEgress6(const Egress& egress, const Names* names) {
  Code code = LoadFacts(offsetof(bpf_sock_addr, user_ip6) + 12);
  Code mapped = AnyIsLoopback();
  bpf::Append(mapped, Rules4(egress, names));
  bpf::Append(code, Guarded(IsMapped(), mapped));
  bpf::Append(code,
              Guarded({WordIs(0, 0), WordIs(1, 0), WordIs(2, 0), WordIs(3, 0)}, Answer(false)));
  bpf::Append(code, Rules6(egress, names));
  return code;
}

std::vector<bpf_insn> CompileListen4(const Egress& listen) {
  Code code = LoadFacts(offsetof(bpf_sock_addr, user_ip4));
  bpf::Append(code, Rules4(listen, nullptr));
  return code;
}

std::vector<bpf_insn> CompileListen6(const Egress& listen) {
  Code code = LoadFacts(offsetof(bpf_sock_addr, user_ip6) + 12);
  bpf::Append(code, Guarded(IsMapped(), Rules4(listen, nullptr)));
  bpf::Append(code, Rules6(listen, nullptr));
  return code;
}

std::vector<bpf_insn> CompileSocketRule(const Egress& egress) {
  const auto refuse = [](uint32_t protocol) {
    return Guarded({{bpf::SkipIf32(BPF_JNE, kProtocol, protocol, 0)}}, Answer(false));
  };
  Code code = {bpf::Load(kProtocol, BPF_REG_1, offsetof(bpf_sock, protocol))};
  // Its connect(2) asks no program (udplite_prot has no pre_connect).
  bpf::Append(code, refuse(IPPROTO_UDPLITE));
  if (!AllowsIcmp(egress)) {
    bpf::Append(code, refuse(IPPROTO_ICMP));
    bpf::Append(code, refuse(IPPROTO_ICMPV6));
  }
  bpf::Append(code, Answer(true));
  return code;
}

absl::Status CheckEgress(const Egress& egress) {
  constexpr size_t kMaxRules = 1000;
  if (egress.rules.size() > kMaxRules) {
    return absl::InvalidArgumentError(
        absl::StrCat(egress.rules.size(), " rules, of at most ", kMaxRules));
  }
  for (const EgressRule& rule : egress.rules) {
    if (rule.to.protocol == Protocol::kIcmp && (rule.to.prefix != 0 || !rule.to.name.empty())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "egress \"", rule.text, "\": icmp is allowed to all or none: write \"*/icmp\""));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> MakeNameMap() {
  return bpf::MakeMap(
      {BPF_MAP_TYPE_HASH, sizeof(policies::OpenedKey), sizeof(uint64_t), policies::kMaxOpened},
      "moat_names");
}

absl::Status AttachEgress(const Egress& egress, const Names* names, const std::string& directory) {
  RETURN_IF_ERROR(CheckEgress(egress));
  constexpr bpf_prog_type kAddress = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  const Code rules4 = CompileEgress4(egress, names), rules6 = CompileEgress6(egress, names);
  return AttachAll(
      {{kAddress, BPF_CGROUP_INET4_CONNECT, rules4},
       {kAddress, BPF_CGROUP_UDP4_SENDMSG, rules4},
       {kAddress, BPF_CGROUP_INET6_CONNECT, rules6},
       {kAddress, BPF_CGROUP_UDP6_SENDMSG, rules6},
       {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, CompileSocketRule(egress)}},
      "egress rules", directory);
}

absl::Status AttachListen(const Egress& listen, const std::string& directory) {
  RETURN_IF_ERROR(CheckEgress(listen));
  return AttachAll(
      {{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, CompileListen4(listen)},
       {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, CompileListen6(listen)}},
      "listen rules", directory);
}

}  // namespace moat::cgroups
