// Parts of the results of `moat-bench security`, and the sections that are made of them.
#ifndef MOAT_BENCH_MOAT_BENCH_REPORT_SECURITY_PARTS_H_
#define MOAT_BENCH_MOAT_BENCH_REPORT_SECURITY_PARTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/moat_bench/report/report.h"

namespace moat::bench {

// One runtime in one variant, with its result of a part. It points into the document.
struct Entry {
  std::string title;
  const nlohmann::json* part;
};

// Those of `part` that are there, in the order of the runtimes.
std::vector<Entry> Entries(const nlohmann::json& document, const std::string& part);

// A row for an entry that is {"fault": ...}.
void AddFault(Section& section, const Entry& entry);

// footprint_report.cc
Section HostCalls(const nlohmann::json& document);
Section KernelFunctions(const nlohmann::json& document);
Section SupervisorSection(const nlohmann::json& document);

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_REPORT_SECURITY_PARTS_H_
