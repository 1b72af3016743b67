// What the workload will see travels as Errno or Result<T>: a value or an errno, without
// allocation.
//
// Faults of set-up and of the host travel as absl::Status (base/status.h). An absl::Status is never
// turned back into an errno.
#ifndef MOAT_BASE_RESULT_H_
#define MOAT_BASE_RESULT_H_

#include <cerrno>
#include <utility>
#include <variant>

namespace moat {

// A Linux errno, positive. Errno(0) is not used.
class Errno {
 public:
  constexpr explicit Errno(int value) : value_(value) {}
  // The calling thread's errno, right after a failed call.
  static Errno Last() { return Errno(errno); }
  constexpr int value() const { return value_; }
  friend constexpr bool operator==(Errno a, Errno b) { return a.value_ == b.value_; }

 private:
  int value_;
};

struct Unit {};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Errno error)
      : state_(std::in_place_index<1>, error) {}  // NOLINT(google-explicit-constructor)
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  // Preconditions: ok() for the first two, !ok() for the last.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  Errno error() const { return std::get<1>(state_); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Errno> state_;
};

// Result without a value.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Unit) {}                                 // NOLINT(google-explicit-constructor)
  Result(Errno error) : error_(error.value()) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return error_ == 0; }
  Errno error() const { return Errno(error_); }

 private:
  int error_ = 0;
};

}  // namespace moat

#define MOAT_RESULT_CONCAT_INNER_(a, b) a##b
#define MOAT_RESULT_CONCAT_(a, b) MOAT_RESULT_CONCAT_INNER_(a, b)

// TRY_ASSIGN(auto x, ResultReturning()): declares x or returns the Errno (the enclosing function
// returns Result<...> or Outcome).
#define TRY_ASSIGN(lhs, expression) \
  TRY_ASSIGN_IMPL_(MOAT_RESULT_CONCAT_(moat_result_, __LINE__), lhs, expression)
#define TRY_ASSIGN_IMPL_(result, lhs, expression) \
  auto result = (expression);                     \
  if (!result.ok()) return result.error();        \
  lhs = std::move(result).value()

// TRY(ResultVoidReturning()): returns the Errno on failure.
#define TRY(expression)                                               \
  do {                                                                \
    if (auto moat_try_result = (expression); !moat_try_result.ok()) { \
      return moat_try_result.error();                                 \
    }                                                                 \
  } while (false)

#endif  // MOAT_BASE_RESULT_H_
