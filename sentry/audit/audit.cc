#include "sentry/audit/audit.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace moat::sentry {
namespace {

using Json = nlohmann::ordered_json;

std::string LineOf(const Refusal& refusal, const std::string& container, absl::Time now,
                   uint64_t left_out) {
  Json line = {
      {"time", absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", now, absl::UTCTimeZone())},
      {"container", container},
      {"task", refusal.task},
      {"call", refusal.call},
      {"args", refusal.arguments},
      {"answer", refusal.answer},
      {"rule", refusal.rule},
      {"reason", refusal.reason},
      {"allow", refusal.allow},
  };
  if (left_out > 0) line["left_out"] = left_out;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

bool Audit::Wants(const std::string& call, const std::string& rule) {
  if (!out_) return false;
  if (all_) return true;
  const absl::MutexLock lock(&mutex_);
  return told_.insert(absl::StrCat(call, " ", rule)).second;
}

bool Audit::MayWrite(absl::Time now) {
  if (filled_ != absl::InfinitePast()) {
    const double earned = absl::ToDoubleSeconds(now - filled_) * kLinesPerSecond;
    tokens_ = std::min<double>(kBurst, tokens_ + std::max(0.0, earned));
  }
  filled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void Audit::Record(const Refusal& refusal, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (!MayWrite(now)) {
    ++left_out_;
    return;
  }
  const std::string line = LineOf(refusal, container_, now, left_out_);
  // A part of a line is only ever written to a full disk; a full pipe takes none of a short one.
  if (::write(out_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    left_out_ = 0;
  } else {
    ++left_out_;
  }
}

}  // namespace moat::sentry
