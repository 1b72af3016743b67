#include "resolver/dns_message.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"

namespace moat::resolver {
namespace {

using policies::Address;

constexpr size_t kHeader = 12, kV4Prefix = 12, kQuestionTail = 4, kOptionsRecord = 11;
constexpr size_t kMaxName = 255, kMaxLabel = 63;
constexpr uint16_t kTypeAlias = 5, kTypeOptions = 41, kClassInternet = 1;
constexpr uint16_t kResponse = 0x8000, kOperation = 0x7800, kTruncated = 0x0200,
                   kRecursionDesired = 0x0100, kRecursionAvailable = 0x0080, kRcode = 0x000f;
constexpr uint8_t kPointer = 0xc0;
constexpr size_t kLeastRoom = 512;

// Reads a message from a place on. Once something is not there, everything after it isn't either.
class Reader {
 public:
  explicit Reader(absl::string_view message, size_t at = 0) : message_(message), at_(at) {}

  bool failed() const { return failed_; }
  size_t at() const { return at_; }

  uint8_t Byte() {
    if (failed_ || at_ >= message_.size()) {
      failed_ = true;
      return 0;
    }
    return static_cast<uint8_t>(message_[at_++]);
  }
  uint16_t Short() {
    const uint16_t high = Byte();
    return static_cast<uint16_t>(high << 8 | Byte());
  }
  uint32_t Long() {
    const uint32_t high = Short();
    return high << 16 | Short();
  }
  absl::string_view Bytes(size_t count) {
    if (failed_ || count > message_.size() - at_) {
      failed_ = true;
      return {};
    }
    at_ += count;
    return message_.substr(at_ - count, count);
  }
  // In wire format without pointers, lower case.
  std::string Name();

 private:
  absl::string_view message_;
  size_t at_;
  bool failed_ = false;
};

// Pointers lead backwards only, each further than the one before, so every walk ends.
std::string Reader::Name() {
  std::string name;
  size_t before = at_, behind = 0;  // `behind`: what follows the name, once a pointer was followed
  while (!failed_) {
    const uint8_t size = Byte();
    if ((size & kPointer) == kPointer) {
      const size_t target = static_cast<size_t>(size & ~kPointer) << 8 | Byte();
      if (behind == 0) behind = at_;
      if (target >= before) failed_ = true;
      before = at_ = target;
      continue;
    }
    if (size > kMaxLabel || name.size() + size + 1 > kMaxName) failed_ = true;
    const absl::string_view label = Bytes(size);
    if (failed_) break;
    name.push_back(static_cast<char>(size));
    name += absl::AsciiStrToLower(label);
    if (size == 0) break;
  }
  if (behind != 0) at_ = behind;
  return failed_ ? "" : name;
}

// "pypi.example" of a name in wire format; "" when a label has what no host's name has.
std::string HostName(absl::string_view wire) {
  const auto fits = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  };
  std::string name;
  while (!wire.empty() && wire[0] != 0) {
    const auto size = static_cast<size_t>(wire[0]);
    const absl::string_view label = wire.substr(1, size);
    if (!std::all_of(label.begin(), label.end(), fits)) return "";
    if (!name.empty()) name.push_back('.');
    name.append(label.data(), label.size());
    wire.remove_prefix(1 + size);
  }
  return name;
}

struct Header {
  uint16_t id, flags, questions, answers, authorities, additionals;
};

Header ReadHeader(Reader& reader) {
  Header header{};
  for (uint16_t* field : {&header.id, &header.flags, &header.questions, &header.answers,
                          &header.authorities, &header.additionals}) {
    *field = reader.Short();
  }
  return header;
}

struct Record {
  std::string owner;
  uint16_t type = 0, record_class = 0;
  uint32_t seconds = 0;
  absl::string_view data;
  size_t data_at = 0;
};

Record ReadRecord(Reader& reader) {
  Record record;
  record.owner = reader.Name();
  record.type = reader.Short();
  record.record_class = reader.Short();
  record.seconds = reader.Long();
  // RFC 2181, 8: with the highest bit set it counts as 0.
  if ((record.seconds & 0x80000000) != 0) record.seconds = 0;
  const uint16_t size = reader.Short();
  record.data_at = reader.at();
  record.data = reader.Bytes(size);
  return record;
}

// The EDNS record, the only additional one that a query has a use for.
void ReadOptions(Reader& reader, const Header& header, Query& query) {
  if (header.answers != 0 || header.authorities != 0 || header.additionals == 0) return;
  const Record record = ReadRecord(reader);
  if (reader.failed() || record.type != kTypeOptions || record.owner != std::string(1, '\0')) {
    return;
  }
  query.extended = true;
  // Its class is the size (RFC 6891, 6.1.2).
  query.room = std::clamp<size_t>(record.record_class, kLeastRoom, kMaxMessage);
}

void Put(std::string& out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

void PutHeader(std::string& out, const Header& header) {
  for (uint16_t field : {header.id, header.flags, header.questions, header.answers,
                         header.authorities, header.additionals}) {
    Put(out, field, 2);
  }
}

// The root's name, type, size that we take, no extended code, version 0, no options.
void PutOptions(std::string& out) {
  Put(out, 0, 1);
  Put(out, kTypeOptions, 2);
  Put(out, kMaxMessage, 2);
  Put(out, 0, 4);
  Put(out, 0, 2);
}

size_t AddressSize(uint16_t type) { return type == kTypeA ? 4 : 16; }

std::optional<Address> AddressIn(const Record& record, uint16_t type) {
  if (record.type != type || record.record_class != kClassInternet) return std::nullopt;
  if (record.data.size() != AddressSize(type)) return std::nullopt;
  Address address{};
  if (type == kTypeA) address[10] = address[11] = 0xff;
  std::copy(record.data.begin(), record.data.end(),
            address.begin() + (type == kTypeA ? kV4Prefix : 0));
  return address;
}

// What the answer section says of names.
struct Facts {
  struct Alias {
    std::string target;
    uint32_t seconds;
  };
  std::map<std::string, Alias> aliases;
  std::vector<std::pair<std::string, std::pair<Address, uint32_t>>> addresses;
  bool whole = false;
};

Facts ReadFacts(absl::string_view message, Reader& reader, uint16_t count, uint16_t type) {
  Facts facts;
  for (size_t i = 0; i < std::min<size_t>(count, kMaxRecords); ++i) {
    const Record record = ReadRecord(reader);
    if (reader.failed()) return facts;
    if (const auto address = AddressIn(record, type)) {
      facts.addresses.push_back({record.owner, {*address, record.seconds}});
    } else if (record.type == kTypeAlias && record.record_class == kClassInternet &&
               facts.aliases.size() < kMaxAliases) {
      Reader inside(message.substr(0, record.data_at + record.data.size()), record.data_at);
      std::string target = inside.Name();
      if (inside.failed()) return facts;
      facts.aliases.try_emplace(record.owner, Facts::Alias{std::move(target), record.seconds});
    }
  }
  facts.whole = true;
  return facts;
}

Answer Follow(const Facts& facts, std::string name) {
  Answer answer;
  uint32_t seconds = ~uint32_t{0};
  for (size_t steps = 0; steps < kMaxAliases; ++steps) {
    const auto alias = facts.aliases.find(name);
    if (alias == facts.aliases.end()) break;
    seconds = std::min(seconds, alias->second.seconds);
    name = alias->second.target;
  }
  for (const auto& [owner, found] : facts.addresses) {
    if (owner != name) continue;
    seconds = std::min(seconds, found.second);
    if (std::find(answer.addresses.begin(), answer.addresses.end(), found.first) ==
        answer.addresses.end()) {
      answer.addresses.push_back(found.first);
    }
  }
  if (facts.whole || !answer.addresses.empty()) answer.rcode = Rcode::kNoError;
  if (!answer.addresses.empty()) answer.seconds = seconds;
  return answer;
}

}  // namespace

std::optional<Query> ParseQuery(absl::string_view message) {
  Reader reader(message);
  const Header header = ReadHeader(reader);
  if (reader.failed() || (header.flags & kResponse) != 0) return std::nullopt;
  Query query;
  query.id = header.id;
  query.recursion_desired = (header.flags & kRecursionDesired) != 0;
  const auto fault = [&query](Rcode rcode) {
    query.fault = rcode;
    return query;
  };
  if ((header.flags & kOperation) != 0) return fault(Rcode::kNotImplemented);
  if (header.questions != 1) return fault(Rcode::kFormatError);
  const std::string name = reader.Name();
  query.type = reader.Short();
  const uint16_t query_class = reader.Short();
  // A question of another length had pointers, for which there is nothing to point at.
  if (reader.failed() || reader.at() != kHeader + name.size() + kQuestionTail) {
    return fault(Rcode::kFormatError);
  }
  if (query_class != kClassInternet) return fault(Rcode::kRefused);
  query.question = std::string(message.substr(kHeader, reader.at() - kHeader));
  query.name = HostName(name);
  ReadOptions(reader, header, query);
  return query;
}

std::optional<Query> ParseStreamQuery(absl::string_view message) {
  auto query = ParseQuery(message);
  if (query) query->room = kMaxStreamMessage;
  return query;
}

std::string MakeQuestion(const Query& query, uint16_t id) {
  std::string out;
  PutHeader(out, {id, kRecursionDesired, 1, 0, 0, 1});
  out += query.question;
  PutOptions(out);
  return out;
}

std::optional<Answer> ParseAnswer(absl::string_view message, const Query& query, uint16_t id) {
  Reader reader(message);
  const Header header = ReadHeader(reader);
  if (reader.failed() || header.id != id || header.questions != 1) return std::nullopt;
  if ((header.flags & kResponse) == 0 || (header.flags & kOperation) != 0) return std::nullopt;
  const std::string name = reader.Name();
  const absl::string_view tail = reader.Bytes(kQuestionTail);
  const absl::string_view asked = query.question;
  if (reader.failed() || name.size() + tail.size() != asked.size() ||
      name != absl::AsciiStrToLower(asked.substr(0, name.size())) ||
      tail != asked.substr(name.size())) {
    return std::nullopt;
  }
  const auto rcode = static_cast<Rcode>(header.flags & kRcode);
  if (rcode == Rcode::kNoSuchName) return Answer{.rcode = rcode};
  if (rcode != Rcode::kNoError) return Answer{};
  Facts facts = ReadFacts(message, reader, header.answers, query.type);
  const bool cut = (header.flags & kTruncated) != 0;
  if (cut) facts.whole = false;
  Answer answer = Follow(facts, name);
  answer.cut = cut;
  return answer;
}

void Fit(const Query& query, std::vector<Address>& addresses) {
  // A pointer to the name, type, class, seconds, size, address.
  const size_t record = 2 + 2 + 2 + 4 + 2 + AddressSize(query.type);
  const size_t used = kHeader + query.question.size() + kOptionsRecord;
  const size_t most = used < query.room ? (query.room - used) / record : 0;
  if (addresses.size() > most) addresses.resize(most);
}

std::string MakeAnswer(const Query& query, Rcode rcode, const std::vector<Address>& addresses,
                       uint32_t seconds, bool cut) {
  std::string out;
  const auto flags = static_cast<uint16_t>(kResponse | kRecursionAvailable |
                                           (query.recursion_desired ? kRecursionDesired : 0) |
                                           (cut ? kTruncated : 0) | static_cast<uint16_t>(rcode));
  PutHeader(out, {query.id, flags, static_cast<uint16_t>(query.question.empty() ? 0 : 1),
                  static_cast<uint16_t>(addresses.size()), 0,
                  static_cast<uint16_t>(query.extended ? 1 : 0)});
  out += query.question;
  for (const Address& address : addresses) {
    Put(out, static_cast<uint32_t>(kPointer) << 8 | kHeader, 2);
    Put(out, query.type, 2);
    Put(out, kClassInternet, 2);
    Put(out, seconds, 4);
    const size_t size = AddressSize(query.type);
    Put(out, static_cast<uint32_t>(size), 2);
    out.append(address.end() - static_cast<std::ptrdiff_t>(size), address.end());
  }
  if (query.extended) PutOptions(out);
  return out;
}

}  // namespace moat::resolver
