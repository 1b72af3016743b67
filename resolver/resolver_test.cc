#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policies/container/egress_names.h"
#include "policies/container/parse_policy.h"
#include "resolver/dns_message.h"
#include "resolver/name_rules.h"

namespace moat::resolver {
namespace {

using policies::Address;
using policies::OpenedKey;
using testing::ElementsAre;
using testing::IsEmpty;

// ---- messages, put together by hand ----

std::string Short(int value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string Wire(const std::string& name) {
  std::string wire, label;
  for (const char c : name + ".") {
    if (c != '.') {
      label.push_back(c);
      continue;
    }
    wire += static_cast<char>(label.size()) + label;
    label.clear();
  }
  return wire + '\0';
}

std::string Head(int id, int flags, int questions, int answers, int additionals = 0) {
  return Short(id) + Short(flags) + Short(questions) + Short(answers) + Short(0) +
         Short(additionals);
}

std::string Question(const std::string& name, int type = 1, int question_class = 1) {
  return Wire(name) + Short(type) + Short(question_class);
}

std::string AskFor(const std::string& name, int type = 1) {
  return Head(7, 0x0100, 1, 0) + Question(name, type);
}

std::string Record(const std::string& owner, int type, int seconds, const std::string& data) {
  return owner + Short(type) + Short(1) + Short(0) + Short(seconds) +
         Short(static_cast<int>(data.size())) + data;
}

std::string Four(int a, int b, int c, int d) {
  return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
}

const char kPointerToName[] = "\xc0\x0c";

Address At(const char* text) { return *policies::ParseAddress(text); }

Query QueryFor(const std::string& name, int type = 1) { return *ParseQuery(AskFor(name, type)); }

TEST(ParseQuery, ReadsNamesAndEdns) {
  const auto query = ParseQuery(AskFor("PyPI.Example"));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->name, "pypi.example");
  EXPECT_EQ(query->id, 7);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_EQ(query->room, 512u);
  const std::string options = std::string(1, '\0') + Short(41) + Short(4096) + Short(0) + Short(0);
  const auto extended = ParseQuery(Head(7, 0, 1, 0, 1) + Question("a.b", 28) + options + Short(0));
  ASSERT_TRUE(extended);
  EXPECT_TRUE(extended->extended);
  EXPECT_EQ(extended->room, kMaxMessage);
}

TEST(ParseQuery, AnswersWhatIsWrongAndIgnoresWhatIsNoQuery) {
  EXPECT_FALSE(ParseQuery(""));
  EXPECT_FALSE(ParseQuery(Head(7, 0x8000, 1, 0) + Question("a")));
  EXPECT_EQ(ParseQuery(Head(7, 0x2800, 1, 0) + Question("a"))->fault, Rcode::kNotImplemented);
  EXPECT_EQ(ParseQuery(Head(7, 0, 2, 0) + Question("a"))->fault, Rcode::kFormatError);
  EXPECT_EQ(ParseQuery(Head(7, 0, 1, 0) + Wire("a"))->fault, Rcode::kFormatError);
  EXPECT_EQ(ParseQuery(Head(7, 0, 1, 0) + Question("a", 1, 3))->fault, Rcode::kRefused);
  // A name that points at itself, and one that points ahead.
  EXPECT_EQ(ParseQuery(Head(7, 0, 1, 0) + kPointerToName + Short(1) + Short(1))->fault,
            Rcode::kFormatError);
  EXPECT_EQ(ParseQuery(Head(7, 0, 1, 0) + "\xc0\x20" + Short(1) + Short(1))->fault,
            Rcode::kFormatError);
}

TEST(ParseQuery, NamesThatNoHostHasAreNoNames) {
  EXPECT_EQ(QueryFor("a b.example").name, "");
  std::string hidden = AskFor("aXb.example");
  hidden[14] = '.';  // a dot inside a label
  EXPECT_EQ(ParseQuery(hidden)->name, "");
}

TEST(ParseAnswer, FollowsAliasesAndTakesTheShortestTime) {
  const Query query = QueryFor("www.pypi.example");
  const std::string target = Wire("cdn.example");
  const std::string answer = Head(9, 0x8180, 1, 4) + Question("WWW.pypi.example") +
                             Record(kPointerToName, 5, 300, target) +
                             Record(target, 1, 60, Four(1, 2, 3, 4)) +
                             Record(target, 1, 90, Four(1, 2, 3, 5)) +
                             Record(Wire("evil.example"), 1, 90, Four(6, 6, 6, 6));
  const auto parsed = ParseAnswer(answer, query, 9);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->rcode, Rcode::kNoError);
  EXPECT_THAT(parsed->addresses, ElementsAre(At("1.2.3.4"), At("1.2.3.5")));
  EXPECT_EQ(parsed->seconds, 60u);
}

TEST(ParseAnswer, TakesOnlyWhatAnswersTheQuestion) {
  const Query query = QueryFor("pypi.example");
  const std::string record = Record(kPointerToName, 1, 60, Four(1, 2, 3, 4));
  const std::string right = Head(9, 0x8180, 1, 1) + Question("pypi.example") + record;
  EXPECT_TRUE(ParseAnswer(right, query, 9));
  EXPECT_FALSE(ParseAnswer(right, query, 10));
  EXPECT_FALSE(ParseAnswer(Head(9, 0x0180, 1, 1) + Question("pypi.example") + record, query, 9));
  EXPECT_FALSE(ParseAnswer(Head(9, 0x8180, 1, 1) + Question("pypj.example") + record, query, 9));
  EXPECT_FALSE(
      ParseAnswer(Head(9, 0x8180, 1, 1) + Question("pypi.example", 28) + record, query, 9));
}

TEST(ParseAnswer, CirclesAndCutMessagesEnd) {
  const Query query = QueryFor("a.example");
  const std::string b = Wire("b.example"), a = Wire("a.example");
  const auto circle = ParseAnswer(
      Head(9, 0x8180, 1, 2) + Question("a.example") + Record(a, 5, 1, b) + Record(b, 5, 1, a),
      query, 9);
  ASSERT_TRUE(circle);
  EXPECT_THAT(circle->addresses, IsEmpty());
  const std::string whole = Head(9, 0x8180, 1, 2) + Question("a.example") + Record(a, 5, 1, b) +
                            Record(b, 1, 1, Four(1, 2, 3, 4));
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto cut = ParseAnswer(whole.substr(0, size), query, 9);
    EXPECT_TRUE(!cut || cut->rcode == Rcode::kServerFailure) << size;
  }
}

TEST(ParseAnswer, TellsThatThereIsMoreThanADatagramTakes) {
  const Query query = QueryFor("a.example");
  const std::string one = Record(kPointerToName, 1, 1, Four(1, 2, 3, 4));
  const auto cut = ParseAnswer(Head(9, 0x8380, 1, 1) + Question("a.example") + one, query, 9);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->cut);
  EXPECT_THAT(cut->addresses, ElementsAre(At("1.2.3.4")));
  const auto empty = ParseAnswer(Head(9, 0x8380, 1, 0) + Question("a.example"), query, 9);
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->cut);
  EXPECT_EQ(empty->rcode, Rcode::kServerFailure);
  const auto whole = ParseAnswer(Head(9, 0x8180, 1, 1) + Question("a.example") + one, query, 9);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->cut);
}

TEST(MakeAnswer, IsUnderstoodByItsOwnReader) {
  for (const int type : {1, 28}) {
    const Query query = QueryFor("pypi.example", type);
    std::vector<Address> addresses;
    for (int i = 1; i < 100; ++i) {
      addresses.push_back(
          At(type == 1 ? absl::StrCat("1.2.3.", i).c_str() : absl::StrCat("2600::", i).c_str()));
    }
    Fit(query, addresses);
    EXPECT_GT(addresses.size(), 10u);
    const std::string answer = MakeAnswer(query, Rcode::kNoError, addresses, 30);
    EXPECT_LE(answer.size(), query.room);
    const auto parsed = ParseAnswer(answer, query, query.id);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->addresses, addresses);
    EXPECT_EQ(parsed->seconds, 30u);
  }
}

// ---- rules ----

class FakeMap : public AddressMap {
 public:
  explicit FakeMap(std::map<OpenedKey, uint64_t>& entries) : entries_(entries) {}
  absl::Status Set(const OpenedKey& key, uint64_t until) override {
    entries_[key] = until;
    return absl::OkStatus();
  }
  absl::Status Remove(const OpenedKey& key) override {
    entries_.erase(key);
    return absl::OkStatus();
  }

 private:
  std::map<OpenedKey, uint64_t>& entries_;
};

policies::Egress Rules(const std::string& rules) {
  const auto layer = policies::ParseLayer(
      "p",
      absl::StrCat(R"({"name": "x", "egress": {"otherwise": "deny", "rules": [)", rules, "]}}"));
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *layer->egress;
}

constexpr char kExample[] = R"(
    {"deny": "93.184.0.0/16", "reason": "r"},
    {"allow": "pypi.example:443", "reason": "r"},
    {"allow": "*.files.example", "reason": "r"},
    {"allow": "db.corp.example:5432", "within": ["10.1.0.0/16"], "reason": "r"},
    {"deny": "151.101.7.7", "reason": "r"})";
constexpr uint64_t kSecond = 1'000'000'000;

struct Desk {
  explicit Desk(size_t most = policies::kMaxOpened)
      : rules(Rules(kExample), OpenedAddresses(std::make_unique<FakeMap>(entries), most)) {}

  // The addresses that the workload is told of those that a DNS server gives.
  std::vector<Address> Told(const std::string& name, std::vector<Address> given) {
    const Query query = QueryFor(name);
    const std::string answer =
        rules.AnswerWith(query, {Rcode::kNoError, std::move(given), 300}, now);
    return ParseAnswer(answer, query, query.id)->addresses;
  }
  Rcode AtOnce(const std::string& name, int type = 1) {
    const auto answer = rules.AnswerAtOnce(QueryFor(name, type));
    return answer ? static_cast<Rcode>((*answer)[3] & 0xf) : Rcode::kServerFailure;
  }

  uint64_t now = 1000 * kSecond;
  std::map<OpenedKey, uint64_t> entries;
  NameRules rules;
};

TEST(NameRules, OnlyNamesOfRulesAreAsked) {
  Desk desk;
  EXPECT_TRUE(desk.rules.AnswerAtOnce(QueryFor("evil.example")));
  EXPECT_EQ(desk.AtOnce("evil.example"), Rcode::kNoSuchName);
  EXPECT_EQ(desk.AtOnce("files.example"), Rcode::kNoSuchName);
  EXPECT_EQ(desk.AtOnce("xfiles.example"), Rcode::kNoSuchName);
  EXPECT_EQ(desk.AtOnce("pypi.example", 16), Rcode::kNoError);  // TXT: nothing
  EXPECT_FALSE(desk.rules.AnswerAtOnce(QueryFor("pypi.example")));
  EXPECT_FALSE(desk.rules.AnswerAtOnce(QueryFor("a.b.Files.example", 28)));
}

TEST(NameRules, AddressesAreOpenBeforeTheyAreTold) {
  Desk desk;
  EXPECT_THAT(desk.Told("pypi.example", {At("151.101.1.1")}), ElementsAre(At("151.101.1.1")));
  ASSERT_EQ(desk.entries.size(), 1u);
  EXPECT_EQ(desk.entries.begin()->first.rule, 1u);
  EXPECT_EQ(desk.entries.begin()->second, desk.now + (300 + kGraceSeconds) * kSecond);
  desk.rules.Sweep(desk.now + (299 + kGraceSeconds) * kSecond);
  EXPECT_EQ(desk.entries.size(), 1u);
  desk.rules.Sweep(desk.now + (301 + kGraceSeconds) * kSecond);
  EXPECT_THAT(desk.entries, IsEmpty());
}

TEST(NameRules, ANameOpensNothingPrivateOrDenied) {
  Desk desk;
  EXPECT_THAT(desk.Told("pypi.example",
                        {At("10.1.0.1"), At("127.0.0.1"), At("169.254.169.254"), At("93.184.1.1"),
                         At("151.101.7.7"), At("::ffff:10.0.0.1"), At("fd00::1")}),
              IsEmpty());
  EXPECT_THAT(desk.entries, IsEmpty());
  EXPECT_THAT(desk.Told("db.corp.example", {At("10.1.0.1"), At("10.2.0.1"), At("8.8.8.8")}),
              ElementsAre(At("10.1.0.1")));
}

TEST(NameRules, WhatDoesNotFitIntoADatagramIsToldOverAStream) {
  Desk desk;
  std::vector<Address> many;
  for (int i = 1; i <= 100; ++i) many.push_back(At(absl::StrCat("151.101.2.", i).c_str()));
  const Query query = QueryFor("pypi.example");
  const auto told = [&](const Query& asked) {
    const std::string answer = desk.rules.AnswerWith(asked, {Rcode::kNoError, many, 300}, desk.now);
    EXPECT_LE(answer.size(), asked.room);
    return *ParseAnswer(answer, asked, asked.id);
  };
  const Answer datagram = told(query);
  EXPECT_TRUE(datagram.cut);
  EXPECT_LT(datagram.addresses.size(), many.size());
  EXPECT_EQ(desk.entries.size(), datagram.addresses.size());
  const Answer stream = told(*ParseStreamQuery(AskFor("pypi.example")));
  EXPECT_FALSE(stream.cut);
  EXPECT_EQ(stream.addresses, many);
  EXPECT_EQ(desk.entries.size(), many.size());
}

TEST(NameRules, AFullMapOpensNothingMore) {
  Desk desk(1);
  EXPECT_THAT(desk.Told("pypi.example", {At("151.101.1.1")}), ElementsAre(At("151.101.1.1")));
  EXPECT_THAT(desk.Told("pypi.example", {At("151.101.1.2")}), IsEmpty());
  EXPECT_EQ(desk.entries.size(), 1u);
  desk.now += 2000 * kSecond;
  EXPECT_THAT(desk.Told("pypi.example", {At("151.101.1.2")}), ElementsAre(At("151.101.1.2")));
}

}  // namespace
}  // namespace moat::resolver
