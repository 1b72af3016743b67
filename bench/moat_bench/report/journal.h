// The results, kept on disk after every part, so that an interrupted run can go on where it was.
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_JOURNAL_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_JOURNAL_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace moat::bench {

class Journal {
 public:
  // `file` may be empty: nothing is kept. With `resume`, what the file holds is taken over when it
  // is of the same kind and settings; FailedPrecondition says what differs.
  static absl::StatusOr<Journal> Open(const std::string& file, const std::string& kind,
                                      const nlohmann::json& settings, bool resume);

  // The part at `path` ("security/runc/defaults/matrix"), null when it is not there yet.
  const nlohmann::json* Find(const std::string& path) const;
  // Puts a part in and writes the file, whole or not at all.
  absl::Status Put(const std::string& path, nlohmann::json part);
  absl::Status Complete();

  nlohmann::json& document() { return document_; }
  const nlohmann::json& document() const { return document_; }
  absl::Status Write() const;

 private:
  std::string file_;
  nlohmann::json document_;
};

// A results file of this program. InvalidArgument says what is wrong with it.
absl::StatusOr<nlohmann::json> ReadResults(const std::string& file);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_JOURNAL_H_
