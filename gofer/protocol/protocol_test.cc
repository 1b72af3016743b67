// Hostile bytes against the decoders, and what is encoded is what is decoded.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gofer/protocol/packet.h"
#include "gofer/protocol/reply.h"
#include "gofer/protocol/request.h"
#include "gofer/protocol/rules.h"
#include "gofer/protocol/service.h"

namespace moat::gofer {
namespace {

std::vector<char> Flatten(const EncodedRequest& encoded) {
  std::vector<char> packet;
  for (const iovec& part : encoded.parts()) {
    const char* data = static_cast<const char*>(part.iov_base);
    packet.insert(packet.end(), data, data + part.iov_len);
  }
  return packet;
}

Request StatRequest() {
  static constexpr uint32_t kGroups[] = {4, 20, 27};
  Request request;
  request.operation = Operation::kStat;
  request.sequence = 7;
  request.uid = 1000;
  request.gid = 100;
  request.umask = 022;
  request.capabilities = 0xff00ff;
  request.groups = kGroups;
  request.arguments = {0x100, 0x7ff};
  request.path = "/etc/passwd";
  return request;
}

std::vector<char> StatPacket() { return Flatten(EncodedRequest(StatRequest())); }

template <typename T, typename Field>
void Poke(std::vector<char>& packet, Field T::*field, Field value) {
  T object;
  std::memcpy(&object, packet.data(), sizeof(object));
  object.*field = value;
  std::memcpy(packet.data(), &object, sizeof(object));
}

TEST(Request, SurvivesTheWire) {
  const std::vector<char> packet = StatPacket();
  const auto decoded = DecodeRequest(packet, 0);
  ASSERT_TRUE(decoded.ok());
  const Request& request = decoded.value();
  EXPECT_EQ(request.operation, Operation::kStat);
  EXPECT_EQ(request.sequence, 7u);
  EXPECT_EQ(request.uid, 1000u);
  EXPECT_EQ(request.capabilities, 0xff00ffu);
  EXPECT_EQ(request.groups, StatRequest().groups);
  EXPECT_EQ(request.path, "/etc/passwd");
  EXPECT_EQ(request.path.data()[request.path.size()], '\0');
  EXPECT_EQ(request.arguments, StatRequest().arguments);
}

TEST(Request, CarriesTwoStringsAndData) {
  Request request = StatRequest();
  request.operation = Operation::kSetXattr;
  request.arguments = {1, 2};
  request.second = "user.name";
  request.data = absl::string_view("a\0b", 3);
  const std::vector<char> packet = Flatten(EncodedRequest(request));
  const auto decoded = DecodeRequest(packet, 0);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().second, "user.name");
  EXPECT_EQ(decoded.value().data, request.data);
}

TEST(Request, EveryTruncationIsRefused) {
  const std::vector<char> packet = StatPacket();
  for (size_t size = 0; size < packet.size(); ++size) {
    EXPECT_FALSE(DecodeRequest(absl::MakeConstSpan(packet).first(size), 0).ok()) << size;
  }
  std::vector<char> longer = packet;
  longer.push_back('x');
  EXPECT_FALSE(DecodeRequest(longer, 0).ok());
}

TEST(Request, WrongHeaderFieldsAreRefused) {
  const auto refused = [](auto field, auto value, size_t descriptors) {
    std::vector<char> packet = StatPacket();
    Poke(packet, field, value);
    return !DecodeRequest(packet, descriptors).ok();
  };
  EXPECT_TRUE(refused(&RequestHeader::version, kProtocolVersion + 1, 0));
  EXPECT_TRUE(refused(&RequestHeader::operation, uint16_t{0}, 0));
  EXPECT_TRUE(refused(&RequestHeader::operation, uint16_t{kLastOperation + 1}, 0));
  EXPECT_TRUE(refused(&RequestHeader::sequence, 0u, 0));
  EXPECT_TRUE(refused(&RequestHeader::umask, 01000u, 0));
  EXPECT_TRUE(refused(&RequestHeader::group_count, 0xffffffffu, 0));
  EXPECT_TRUE(refused(&RequestHeader::path_size, 0xffffffffu, 0));
  EXPECT_TRUE(refused(&RequestHeader::path_size, 10u, 0));
  EXPECT_TRUE(refused(&RequestHeader::second_size, 1u, 0));
  EXPECT_TRUE(refused(&RequestHeader::data_size, 1u, 0));
  // A descriptor that was announced and did not come, that came unannounced, that stat has not.
  EXPECT_TRUE(refused(&RequestHeader::descriptors, uint16_t{kBaseDescriptor}, 0));
  EXPECT_TRUE(refused(&RequestHeader::descriptors, uint16_t{0}, 1));
  EXPECT_TRUE(refused(&RequestHeader::descriptors, uint16_t{kObjectDescriptor}, 1));
  EXPECT_TRUE(refused(&RequestHeader::descriptors, uint16_t{0x8000}, 1));
  EXPECT_FALSE(refused(&RequestHeader::descriptors, uint16_t{kBaseDescriptor}, 1));
}

TEST(Request, LinuxNamesTheFault) {
  Request request = StatRequest();
  const std::string long_path(4096, 'a');
  request.path = long_path;
  EXPECT_EQ(CheckRequest(request).error().value(), ENAMETOOLONG);
  request.path = absl::string_view("a\0b", 3);
  EXPECT_EQ(CheckRequest(request).error().value(), EINVAL);
  request = StatRequest();
  request.arguments[2] = 1;
  EXPECT_EQ(CheckRequest(request).error().value(), EINVAL);
  request = StatRequest();
  request.operation = Operation::kSetXattr;
  request.second = long_path;
  EXPECT_EQ(CheckRequest(request).error().value(), ERANGE);
  request.second = "user.x";
  const std::string value(65537, 'v');
  request.data = value;
  EXPECT_EQ(CheckRequest(request).error().value(), E2BIG);
  request.operation = Operation::kBindUnix;
  EXPECT_EQ(CheckRequest(request).error().value(), EINVAL);
}

TEST(Request, RandomDamageNeverBreaksARule) {
  std::mt19937 random(1);
  const std::vector<char> good = StatPacket();
  for (int round = 0; round < 50000; ++round) {
    std::vector<char> packet = good;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      packet[random() % packet.size()] = static_cast<char>(random());
    }
    const auto decoded = DecodeRequest(packet, random() % 3);
    if (decoded.ok()) {
      EXPECT_TRUE(CheckRequest(decoded.value()).ok());
    }
  }
}

std::vector<char> ReplyPacket(ReplyHeader header, absl::string_view body) {
  std::vector<char> packet(sizeof(header) + body.size());
  std::memcpy(packet.data(), &header, sizeof(header));
  std::copy(body.begin(), body.end(), packet.begin() + sizeof(header));
  return packet;
}

std::vector<char> ReplyPacket(Operation operation, const Reply& reply, bool descriptor = false) {
  return ReplyPacket(MakeReplyHeader(operation, 7, descriptor, reply), reply.body);
}

bool Accepted(const std::vector<char>& packet, size_t descriptors, Operation operation) {
  return DecodeReply(packet, descriptors, operation, 7).ok();
}

TEST(Reply, MustFitItsOperation) {
  const std::string statx_bytes(sizeof(struct statx), '\1');
  const Reply value = {ReplyKind::kValue, 0, 0, statx_bytes};
  EXPECT_TRUE(Accepted(ReplyPacket(Operation::kStat, value), 0, Operation::kStat));
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kStat, value), 0, Operation::kOpen));
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kStat, value, true), 1, Operation::kStat));
  EXPECT_TRUE(Accepted(ReplyPacket(Operation::kOpen, value, true), 1, Operation::kOpen));
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kOpen, value, true), 0, Operation::kOpen));
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kOpen, value), 0, Operation::kOpen));
  const Reply small = {ReplyKind::kValue, 0, 0, "short"};
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kStat, small), 0, Operation::kStat));
  EXPECT_TRUE(Accepted(ReplyPacket(Operation::kReadLink, small), 0, Operation::kReadLink));
  const std::string huge(PATH_MAX + 1, 'x');
  const Reply large = {ReplyKind::kValue, 0, 0, huge};
  EXPECT_FALSE(Accepted(ReplyPacket(Operation::kReadLink, large), 0, Operation::kReadLink));
}

TEST(Reply, ErrorsAndValuesAreBounded) {
  const auto with = [](ReplyKind kind, int error, int64_t value, Operation operation) {
    return Accepted(ReplyPacket(operation, {kind, error, value, {}}), 0, operation);
  };
  EXPECT_TRUE(with(ReplyKind::kError, ENOENT, 0, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kError, 0, 0, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kError, -1, 0, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kError, 4096, 0, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kError, ENOENT, 1, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kValue, 0, 1, Operation::kMkdir));
  EXPECT_FALSE(with(ReplyKind::kValue, 5, 0, Operation::kMkdir));
  EXPECT_TRUE(with(ReplyKind::kValue, 0, 1, Operation::kInotifyAdd));
  EXPECT_FALSE(with(ReplyKind::kValue, 0, -1, Operation::kInotifyAdd));
  EXPECT_FALSE(with(ReplyKind::kValue, 0, int64_t{1} << 31, Operation::kInotifyAdd));
  EXPECT_FALSE(with(static_cast<ReplyKind>(9), 0, 0, Operation::kMkdir));
}

TEST(Reply, ACrossingIsInProcOrSys) {
  const auto crossing = [](absl::string_view path, int error = ELOOP) {
    return Accepted(ReplyPacket(Operation::kMkdir, {ReplyKind::kCrossing, error, 0, path}), 0,
                    Operation::kMkdir);
  };
  EXPECT_TRUE(crossing("/proc"));
  EXPECT_TRUE(crossing("/sys/kernel"));
  EXPECT_TRUE(crossing("/proc/self/../../etc"));
  EXPECT_FALSE(crossing("/process"));
  EXPECT_FALSE(crossing("/etc/passwd"));
  EXPECT_FALSE(crossing("proc"));
  EXPECT_FALSE(crossing(""));
  EXPECT_FALSE(crossing("/proc", ENOENT));
  EXPECT_FALSE(crossing(absl::string_view("/proc/\0", 7)));
  EXPECT_FALSE(crossing("/proc/" + std::string(kMaxCrossing, 'x')));
}

TEST(Reply, AnswersOfAnotherRequestAreRefused) {
  const Reply reply = {ReplyKind::kError, ENOENT, 0, {}};
  const std::vector<char> packet = ReplyPacket(Operation::kMkdir, reply);
  EXPECT_FALSE(DecodeReply(packet, 0, Operation::kMkdir, 8).ok());
  EXPECT_FALSE(DecodeReply(absl::MakeConstSpan(packet).first(31), 0, Operation::kMkdir, 7).ok());
}

absl::Span<const char> BytesOf(const ServiceMessage& message) {
  return {static_cast<const char*>(static_cast<const void*>(&message)), sizeof(message)};
}

TEST(Service, MessagesAreChecked) {
  const auto decodes = [](ServiceMessage message, size_t descriptors) {
    return DecodeServiceRequest(BytesOf(message), descriptors).ok();
  };
  EXPECT_TRUE(decodes(MakeServiceMessage(ServiceKind::kHello), 0));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kHello, 1), 0));
  EXPECT_TRUE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 1), 2));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 1), 1));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 1), 0));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 0), 2));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kFollower), 0));
  EXPECT_TRUE(decodes(MakeServiceMessage(ServiceKind::kCancel, 1, 2), 0));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kCancel, 1, 0), 0));
  EXPECT_FALSE(decodes(MakeServiceMessage(static_cast<ServiceKind>(9), 1, 2), 0));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kHello, 0, 0, EIO), 0));
}

TEST(Service, AnswersMustMatchTheQuestion) {
  const auto decodes = [](ServiceMessage message) {
    return DecodeServiceAnswer(BytesOf(message), 0, ServiceKind::kNewChannel, 3).ok();
  };
  EXPECT_TRUE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 3)));
  EXPECT_TRUE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 3, 0, EAGAIN)));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 4)));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kHello, 3)));
  EXPECT_FALSE(decodes(MakeServiceMessage(ServiceKind::kNewChannel, 3, 0, -1)));
}

TEST(Rules, EveryOperationHasOne) {
  EXPECT_EQ(FindRule(0), nullptr);
  EXPECT_EQ(FindRule(kLastOperation + 1), nullptr);
  for (uint16_t number = 1; number <= kLastOperation; ++number) {
    ASSERT_NE(FindRule(number), nullptr);
    EXPECT_LE(FindRule(number)->arguments, kArguments);
    EXPECT_LE(FindRule(number)->max_body, kMaxReply - sizeof(ReplyHeader));
  }
}

}  // namespace
}  // namespace moat::gofer
