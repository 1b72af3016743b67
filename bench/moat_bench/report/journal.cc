#include "bench/moat_bench/report/journal.h"

#include <cstdio>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr char kSchema[] = "moat-bench/1";
constexpr size_t kLargestResults = 256 << 20;

}  // namespace

absl::StatusOr<json> ReadResults(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kLargestResults));
  json document = json::parse(text, nullptr, false);
  if (!document.is_object() || document.value("schema", "") != kSchema) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": no results of moat-bench (its \"schema\" is not ", kSchema, ")"));
  }
  return document;
}

absl::StatusOr<Journal> Journal::Open(const std::string& file, const std::string& kind,
                                      const json& settings, bool resume) {
  Journal journal;
  journal.file_ = file;
  journal.document_ = {
      {"schema", kSchema}, {"kind", kind}, {"complete", false}, {"settings", settings}};
  if (!resume) return journal;
  if (file.empty())
    return absl::FailedPreconditionError(
        "--resume needs --json FILE, the file of the interrupted run");
  ASSIGN_OR_RETURN(json old, ReadResults(file));
  if (old.value("kind", "") != kind)
    return absl::FailedPreconditionError(absl::StrCat(file, " holds another kind of results"));
  if (old["settings"] != settings) {
    return absl::FailedPreconditionError(absl::StrCat(file, " was made with other options (",
                                                      old["settings"].dump(),
                                                      "); use the same ones to resume"));
  }
  journal.document_ = std::move(old);
  journal.document_["complete"] = false;
  return journal;
}

const json* Journal::Find(const std::string& path) const {
  const json* place = &document_;
  for (const absl::string_view name : absl::StrSplit(path, '/')) {
    const auto next = place->find(std::string(name));
    if (!place->is_object() || next == place->end()) return nullptr;
    place = &*next;
  }
  return place;
}

absl::Status Journal::Put(const std::string& path, json part) {
  json* place = &document_;
  for (const absl::string_view name : absl::StrSplit(path, '/'))
    place = &(*place)[std::string(name)];
  *place = std::move(part);
  return Write();
}

absl::Status Journal::Complete() {
  document_["complete"] = true;
  return Write();
}

absl::Status Journal::Write() const {
  if (file_.empty()) return absl::OkStatus();
  const std::string partial = file_ + ".partial";
  std::ofstream out(partial, std::ios::trunc);
  out << document_.dump(1, ' ', true, json::error_handler_t::replace) << "\n";
  out.close();
  if (!out) return ErrnoStatus(errno, "write", partial);
  if (std::rename(partial.c_str(), file_.c_str()) == -1) return ErrnoStatus(errno, "rename", file_);
  return absl::OkStatus();
}

}  // namespace moat::bench
