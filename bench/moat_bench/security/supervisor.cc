#include "bench/moat_bench/security/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <ctime>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "bench/moat_bench/driver/roles.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kHeartSeconds = 30, kObserved = 3, kStartSeconds = 20;

// Of the clock that is the same inside of every container: gVisor's monotonic one begins with the
// sandbox.
double Now() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// A container in which `heart` beats, made by create and start so that no command of the runtime
// stays with it.
class Patient {
 public:
  static absl::StatusOr<std::unique_ptr<Patient>> Create(Containers& containers,
                                                         const Runtime& runtime) {
    ASSIGN_OR_RETURN(const json config,
                     containers.Config(runtime, Profile::kDefaults,
                                       {"/bin/guest", "heart", absl::StrCat(kHeartSeconds)}));
    ASSIGN_OR_RETURN(const std::string bundle, containers.MakeBundle(config));
    std::unique_ptr<Patient> patient(new Patient(containers, runtime, bundle + "/out"));
    ASSIGN_OR_RETURN(const pid_t made,
                     containers.processes().StartInBackground(
                         {.arguments = containers.CommandLine(
                              runtime, {"create", "--bundle", bundle, patient->id_}),
                          .mount_namespace = runtime.mount_namespace()},
                         patient->out_));
    if (!containers.processes().WaitForEnd(made, kStartSeconds))
      return absl::UnavailableError("create does not end");
    const Outcome started = containers.Step(runtime, {"start", patient->id_}, kStartSeconds);
    if (!started.ok()) return absl::UnavailableError(absl::StrCat("start: ", started.Fault()));
    for (int i = 0; i < 100 && patient->Beats().size() < 5; ++i) containers.processes().Pause(0.05);
    if (patient->Beats().size() < 5)
      return absl::UnavailableError("the container does not run: " +
                                    patient->Text().substr(0, 300));
    patient->roles_.Look(containers.processes().Descendants());
    return patient;
  }
  ~Patient() {
    for (const pid_t process : stopped_) kill(process, SIGCONT);
    containers_.Remove(runtime_, id_);
    containers_.Sweep(runtime_);
  }
  Patient(const Patient&) = delete;
  Patient& operator=(const Patient&) = delete;

  std::string Text() const { return ReadFile(out_, 16 << 20).value_or(""); }
  // Seconds of the machine's clock at which it beat well.
  std::vector<double> Beats() const {
    std::vector<double> all;
    std::istringstream lines(Text());
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string mark;
      double time = 0;
      if (words >> mark >> time && mark == "beat") all.push_back(time / 1e6);
    }
    return all;
  }
  std::vector<pid_t> Of(Role role) const {
    std::vector<pid_t> found;
    for (const pid_t process : containers_.processes().Descendants()) {
      const auto known = roles_.all().find(process);
      if (known != roles_.all().end() && known->second == role) found.push_back(process);
    }
    return found;
  }
  void Signal(const std::vector<pid_t>& processes, int signal) {
    for (const pid_t process : processes) kill(process, signal);
    if (signal == SIGSTOP) stopped_ = processes;
  }
  const std::string& id() const { return id_; }

 private:
  Patient(Containers& containers, const Runtime& runtime, std::string out)
      : containers_(containers),
        runtime_(runtime),
        out_(std::move(out)),
        id_(containers.NextId(runtime)) {}
  Containers& containers_;
  const Runtime& runtime_;
  const std::string out_, id_;
  Roles roles_;
  std::vector<pid_t> stopped_;
};

json BeatsAfter(const Patient& patient, double moment, double now) {
  int after = 0;
  double last = moment;
  for (const double beat : patient.Beats()) {
    after += beat > moment;
    last = std::max(last, beat);
  }
  return {{"beats_after", after},
          {"went_on_seconds", last - moment},
          {"observed_seconds", now - moment}};
}

json Dies(Containers& containers, const Runtime& runtime, Role role) {
  auto patient = Patient::Create(containers, runtime);
  if (!patient.ok()) return {{"fault", patient.status().message()}};
  const std::vector<pid_t> victims = (*patient)->Of(role);
  if (victims.empty()) return {{"none", true}};
  const double moment = Now();
  (*patient)->Signal(victims, SIGKILL);
  double gone = 0;
  while (Now() - moment < kObserved) {
    containers.processes().Pause(0.02);
    if (gone == 0 && (*patient)->Of(Role::kWorkload).empty()) gone = Now() - moment;
  }
  json result = BeatsAfter(**patient, moment, Now());
  result["processes"] = victims.size();
  result["workload_ended"] = gone > 0;
  if (gone > 0) result["workload_gone_after_seconds"] = gone;
  return result;
}

json Hangs(Containers& containers, const Runtime& runtime, Role role) {
  auto patient = Patient::Create(containers, runtime);
  if (!patient.ok()) return {{"fault", patient.status().message()}};
  const std::vector<pid_t> victims = (*patient)->Of(role);
  if (victims.empty()) return {{"none", true}};
  const double moment = Now();
  (*patient)->Signal(victims, SIGSTOP);
  containers.processes().Pause(kObserved);
  json result = BeatsAfter(**patient, moment, Now());
  result["processes"] = victims.size();
  const double before = Now();
  const Outcome killed = containers.Step(runtime, {"kill", (*patient)->id(), "KILL"}, 10);
  bool ended = false;
  while (Now() - before < 10 && !ended) {
    containers.processes().Pause(0.05);
    ended = (*patient)->Of(Role::kWorkload).empty();
  }
  result["kill_answers"] = killed.ok() ? "ok" : killed.Fault();
  result["workload_ends_by_kill"] = ended;
  if (ended) result["kill_seconds"] = Now() - before;
  return result;
}

double LargestGap(const std::vector<double>& beats, double from, double to) {
  double gap = 0, last = from;
  for (const double beat : beats) {
    if (beat < from || beat > to) continue;
    gap = std::max(gap, beat - last);
    last = beat;
  }
  return std::max(gap, to - last);
}

json Flooded(Containers& containers, const Runtime& runtime) {
  auto patient = Patient::Create(containers, runtime);
  if (!patient.ok()) return {{"fault", patient.status().message()}};
  containers.processes().Pause(1);
  const double quiet_end = Now();
  const double calm = LargestGap((*patient)->Beats(), quiet_end - 1, quiet_end);
  const Outcome flood = containers.Step(
      runtime, {"exec", (*patient)->id(), "/bin/guest", "flood", "64", absl::StrCat(kObserved)},
      30);
  const double end = Now();
  json result = {{"calm_gap_seconds", calm},
                 {"flood_gap_seconds", LargestGap((*patient)->Beats(), quiet_end, end)}};
  result["flood"] = flood.ok() ? flood.out.substr(0, flood.out.find('\n')) : flood.Fault();
  containers.processes().Pause(0.5);
  result["alive_after"] = !(*patient)->Beats().empty() && (*patient)->Beats().back() > end;
  return result;
}

}  // namespace

json Supervisor(Containers& containers, const Runtime& runtime) {
  json has = json::object();
  {
    auto patient = Patient::Create(containers, runtime);
    if (!patient.ok()) return {{"fault", patient.status().message()}};
    for (const Role role : kRoles) has[NameOf(role)] = (*patient)->Of(role).size();
  }
  json dies = json::object(), hangs = json::object();
  for (const Role role : {Role::kSupervisor, Role::kFileProxy}) {
    if (containers.processes().interrupted()) return {{"fault", "interrupted"}};
    if (has[NameOf(role)] == 0) continue;
    dies[NameOf(role)] = Dies(containers, runtime, role);
    hangs[NameOf(role)] = Hangs(containers, runtime, role);
  }
  return {
      {"has", has}, {"dies", dies}, {"hangs", hangs}, {"flooded", Flooded(containers, runtime)}};
}

}  // namespace moat::bench
