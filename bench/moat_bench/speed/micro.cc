// Google Benchmark inside the container.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/moat_bench/speed/speed.h"

namespace moat::bench {
namespace {

using nlohmann::json;

// "stat found/real_time" -> "stat found"; "stat of threads/real_time/threads:8" -> "stat of 8
// threads"
std::string ShortName(std::string name) {
  if (const size_t mark = name.find("/real_time"); mark != std::string::npos) name.erase(mark, 10);
  if (const size_t mark = name.find("/threads:"); mark != std::string::npos) {
    return absl::StrCat("stat of ", name.substr(mark + 9), " threads");
  }
  return name;
}

double Nanoseconds(const json& benchmark) {
  const double time = benchmark.value("real_time", 0.0);
  const std::string unit = benchmark.value("time_unit", "ns");
  return unit == "ns" ? time : unit == "us" ? time * 1e3 : unit == "ms" ? time * 1e6 : time * 1e9;
}

}  // namespace

json Micro(Containers& containers, const Runtime& runtime, const SpeedOptions& options) {
  const auto config = containers.Config(runtime, Profile::kDefaults,
                                        {"/bin/micro", "--benchmark_format=json",
                                         absl::StrCat("--benchmark_min_time=", options.min_time)});
  if (!config.ok()) return {{"fault", config.status().message()}};
  const Outcome ran = containers.Run(runtime, *config, 120 + options.min_time * 600);
  const json printed = json::parse(ran.out, nullptr, false);
  if (!printed.is_object() || !printed.contains("benchmarks")) return {{"fault", ran.Fault()}};
  json result = {
      {"figures", json::object()}, {"units", json::object()}, {"faults", json::object()}};
  for (const json& benchmark : printed["benchmarks"]) {
    const std::string name = ShortName(benchmark.value("name", ""));
    if (benchmark.value("error_occurred", false)) {
      result["faults"][name] = benchmark.value("error_message", "");
      continue;
    }
    result["figures"][name] = Nanoseconds(benchmark);
    result["units"][name] = "ns";
  }
  return result;
}

}  // namespace moat::bench
