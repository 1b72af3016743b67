#include "sentry/doorbell/patience.h"

#include <algorithm>

namespace moat::sentry {

void Patience::Begin(Clock::time_point now) {
  if (SleptJustNow(now)) {
    limit_ = std::min(2 * limit_, kMost);
  } else {
    limit_ = kLeast;
    looked_ = {};
    work_ = 0;
  }
  began_ = last_work_ = now;
}

void Patience::Worked(Clock::time_point now) {
  ++work_;
  last_work_ = now;
}

bool Patience::Pays(Clock::time_point now) {
  const Clock::duration looked = looked_ + (now - began_);
  if (looked < kLately) return true;
  const bool pays = work_ * kPerWork >= looked;
  began_ = now;
  looked_ = {};
  work_ = 0;
  return pays;
}

void Patience::End(Clock::time_point now) {
  looked_ += now - began_;
  ended_ = now;
}

}  // namespace moat::sentry
