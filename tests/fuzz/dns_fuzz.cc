// DNS messages: the workload's questions, and what a DNS server (or a forger) answers to ours.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "resolver/dns_message.h"
#include "resolver/framing.h"
#include "tests/fuzz/target.h"

namespace moat::fuzz {
namespace {

using policies::Address;
using resolver::Query;
using resolver::Rcode;

void Require(bool holds) {
  if (!holds) std::abort();
}

// What is told is understood, and fits.
void CheckAnswerTo(const Query& query) {
  std::vector<Address> addresses;
  for (uint8_t i = 0; i < 200; ++i) {
    Address address{};
    if (query.type == resolver::kTypeA) address[10] = address[11] = 0xff;
    address[15] = i;
    addresses.push_back(address);
  }
  resolver::Fit(query, addresses);
  const std::string answer = resolver::MakeAnswer(query, Rcode::kNoError, addresses, 30);
  Require(answer.size() <= query.room);
  const auto parsed = resolver::ParseAnswer(answer, query, query.id);
  Require(parsed && parsed->addresses == addresses);
  // Our own question is a query with the same name.
  const auto again = resolver::ParseQuery(resolver::MakeQuestion(query, 5));
  Require(again && again->name == query.name && again->question == query.question);
}

void CheckQuery(absl::string_view input) {
  const auto query = resolver::ParseQuery(input);
  if (!query) return;
  if (query->fault != Rcode::kNoError) {
    Require(query->question.empty());
    Require(resolver::MakeAnswer(*query, query->fault, {}, 0).size() == 12);
    return;
  }
  Require(query->name.size() <= 253 && query->name.find('\0') == std::string::npos);
  Require(query->room >= 512 && query->room <= resolver::kMaxMessage);
  if (query->type == resolver::kTypeA || query->type == resolver::kTypeAaaa) CheckAnswerTo(*query);
}

// As an answer to the question that it repeats, whose number is its own.
void CheckAnswer(absl::string_view input) {
  if (input.size() < 12) return;
  std::string question(input);
  question[2] = question[3] = 0;                                          // a query
  for (int at = 6; at < 12; ++at) question[static_cast<size_t>(at)] = 0;  // with no records
  const auto query = resolver::ParseQuery(question);
  if (!query || query->fault != Rcode::kNoError) return;
  if (query->type != resolver::kTypeA && query->type != resolver::kTypeAaaa) return;
  const auto answer = resolver::ParseAnswer(input, *query, query->id);
  if (!answer) return;
  Require(answer->addresses.size() <= resolver::kMaxRecords);
  Require(answer->addresses.empty() || answer->rcode == Rcode::kNoError);
  Require(answer->seconds <= 0x7fffffff);
  for (size_t i = 0; i < answer->addresses.size(); ++i) {
    const auto& one = answer->addresses[i];
    Require(std::count(answer->addresses.begin(), answer->addresses.end(), one) == 1);
  }
}

// In pieces or as a whole: the same messages, which frame as they came.
void CheckFraming(absl::string_view input) {
  const auto read = [](absl::string_view bytes, size_t piece) {
    resolver::Unframer unframer;
    std::vector<std::string> messages;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      unframer.Add(bytes.substr(0, piece));
      while (auto message = unframer.Next()) messages.push_back(*std::move(message));
    }
    return std::make_pair(messages, unframer.held());
  };
  const auto [messages, held] = read(input, input.size() + 1);
  Require(read(input, 1) == std::make_pair(messages, held));
  std::string again;
  for (const std::string& message : messages) again += resolver::Framed(message);
  Require(again == input.substr(0, input.size() - held));
  Require(held <= resolver::kMaxFramed + 1);
}

}  // namespace

void Run(absl::string_view input) {
  CheckQuery(input);
  CheckAnswer(input);
  CheckFraming(input);
}

}  // namespace moat::fuzz
