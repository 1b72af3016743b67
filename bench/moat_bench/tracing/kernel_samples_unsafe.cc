#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/moat_bench/tracing/kernel_samples.h"

namespace moat::bench {
namespace {

constexpr size_t kPage = 4096, kDataPages = 1024;

int OpenEvent(int cpu, int per_second) {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = static_cast<uint64_t>(per_second);
  attributes.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN;
  attributes.inherit = 1;
  attributes.exclude_user = 1;
  attributes.exclude_callchain_user = 1;
  attributes.disabled = 0;
  // This process on that CPU, and, inherited, all that it starts.
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, 0, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

// Copies `size` bytes at offset `from` of a ring of `ring_size` bytes.
void CopyOut(const char* ring, size_t ring_size, uint64_t from, void* to, size_t size) {
  for (size_t i = 0; i < size; ++i) static_cast<char*>(to)[i] = ring[(from + i) % ring_size];
}

bool IsFunctionAddress(uint64_t address) {
  return address < static_cast<uint64_t>(PERF_CONTEXT_MAX);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelSampler>> KernelSampler::Start(int per_second) {
  std::unique_ptr<KernelSampler> sampler(new KernelSampler);
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    Buffer buffer;
    buffer.event = Fd(OpenEvent(cpu, per_second));
    if (!buffer.event.valid())
      return ErrnoStatus(errno, "perf_event_open", absl::StrCat("cpu-clock on CPU ", cpu));
    buffer.memory = mmap(nullptr, (kDataPages + 1) * kPage, PROT_READ | PROT_WRITE, MAP_SHARED,
                         buffer.event.get(), 0);
    if (buffer.memory == MAP_FAILED) return ErrnoStatus(errno, "mmap", "perf buffer");
    sampler->buffers_.push_back(std::move(buffer));
  }
  return sampler;
}

KernelSampler::~KernelSampler() {
  for (Buffer& buffer : buffers_) munmap(buffer.memory, (kDataPages + 1) * kPage);
}

void KernelSampler::CollectOne(Buffer& buffer) {
  auto* control = static_cast<perf_event_mmap_page*>(buffer.memory);
  const char* ring = static_cast<const char*>(buffer.memory) + kPage;
  const size_t ring_size = kDataPages * kPage;
  const uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  uint64_t tail = control->data_tail;
  while (tail < head) {
    perf_event_header header;
    CopyOut(ring, ring_size, tail, &header, sizeof header);
    if (header.size < sizeof header) break;
    if (header.type == PERF_RECORD_SAMPLE) {
      std::vector<uint64_t> words((header.size - sizeof header) / sizeof(uint64_t));
      CopyOut(ring, ring_size, tail + sizeof header, words.data(), words.size() * sizeof(uint64_t));
      KernelSample sample;
      if (words.size() > 2) sample.process = static_cast<pid_t>(words[0] & 0xffffffff);
      for (size_t i = 2; i < words.size() && i < words[1] + 2; ++i) {
        if (IsFunctionAddress(words[i])) sample.stack.push_back(words[i]);
      }
      if (!sample.stack.empty()) samples_.push_back(std::move(sample));
    }
    tail += header.size;
  }
  __atomic_store_n(&control->data_tail, tail, __ATOMIC_RELEASE);
}

void KernelSampler::Collect() {
  for (Buffer& buffer : buffers_) CollectOne(buffer);
}

absl::StatusOr<KernelSymbols> KernelSymbols::Read() {
  KernelSymbols symbols;
  std::ifstream lines("/proc/kallsyms");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    uint64_t address = 0;
    char kind = 0;
    std::string name;
    if (words >> std::hex >> address >> kind >> name && (kind == 't' || kind == 'T') &&
        address != 0) {
      symbols.names_.emplace(address, name);
    }
  }
  if (symbols.names_.empty())
    return absl::UnavailableError("/proc/kallsyms shows no addresses (kernel.kptr_restrict?)");
  return symbols;
}

std::string KernelSymbols::NameOf(uint64_t address) const {
  auto next = names_.upper_bound(address);
  return next == names_.begin() ? "" : (--next)->second;
}

std::map<std::string, int> FunctionCounts(const std::vector<const KernelSample*>& samples,
                                          const KernelSymbols& symbols) {
  std::map<std::string, int> counts;
  for (const KernelSample* sample : samples) {
    std::set<std::string> once;
    for (const uint64_t address : sample->stack) once.insert(symbols.NameOf(address));
    for (const std::string& name : once) {
      if (!name.empty()) ++counts[name];
    }
  }
  return counts;
}

double ExpectedFunctions(const std::map<std::string, int>& counts, int all, int wanted) {
  if (all <= wanted) return static_cast<double>(counts.size());
  double expected = 0;
  for (const auto& [name, count] : counts)
    expected += 1 - std::pow(1 - static_cast<double>(wanted) / all, count);
  return expected;
}

}  // namespace moat::bench
