#include "runtime/systemd/bus.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace moat::systemd {
namespace {

constexpr char kDestination[] = "org.freedesktop.systemd1";
constexpr char kObject[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnitExists[] = "org.freedesktop.systemd1.UnitExists";
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kNamePatience = absl::Seconds(5);

// sd-bus returns negative errnos.
absl::Status Check(int result, absl::string_view what) {
  if (result >= 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("systemd: ", what, ": ", ::strerror(-result)));
}

class Message {
 public:
  static absl::StatusOr<Message> Call(sd_bus* bus, const char* member) {
    sd_bus_message* made = nullptr;
    RETURN_IF_ERROR(
        Check(::sd_bus_message_new_method_call(bus, &made, kDestination, kObject, kManager, member),
              member));
    return Message(made);
  }

  sd_bus_message* get() const { return message_.get(); }

  // An error has systemd's own words, and its name as a prefix.
  absl::Status Send(sd_bus* bus, absl::string_view what) const {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message* reply = nullptr;
    const absl::Cleanup free = [&] {
      ::sd_bus_error_free(&error);
      ::sd_bus_message_unref(reply);
    };
    const int result = ::sd_bus_call(
        bus, get(), static_cast<uint64_t>(absl::ToInt64Microseconds(kPatience)), &error, &reply);
    if (result >= 0) return absl::OkStatus();
    if (!error.name) return Check(result, what);
    const std::string said =
        absl::StrCat("systemd: ", what, ": ", error.name, ": ", error.message ? error.message : "");
    return ::strcmp(error.name, kUnitExists) == 0 ? absl::AlreadyExistsError(said)
                                                  : absl::InternalError(said);
  }

 private:
  struct Unref {
    void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
  };
  explicit Message(sd_bus_message* message) : message_(message) {}
  std::unique_ptr<sd_bus_message, Unref> message_;
};

absl::Status AppendProperties(sd_bus_message* message, const std::vector<Property>& properties) {
  for (const Property& property : properties) {
    RETURN_IF_ERROR(
        Check(::sd_bus_message_append(message, "(sv)", property.name.c_str(), "t", property.value),
              property.name));
  }
  return absl::OkStatus();
}

absl::Status AppendScope(sd_bus_message* message, const std::string& slice, uint32_t pid) {
  const int result = ::sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)",       //
                                             "Slice", "s", slice.c_str(),               //
                                             "PIDs", "au", 1, pid,                      //
                                             "Delegate", "b", 1,                        //
                                             "DefaultDependencies", "b", 0,             //
                                             "CollectMode", "s", "inactive-or-failed",  //
                                             "Description", "s", "a container under moat");
  return Check(result, "the scope's properties");
}

absl::Status AppendAccounting(sd_bus_message* message) {
  for (const char* name :
       {"CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"}) {
    RETURN_IF_ERROR(Check(::sd_bus_message_append(message, "(sv)", name, "b", 1), name));
  }
  return absl::OkStatus();
}

// What became of the job that starts the unit (signal JobRemoved of the manager).
struct Job {
  std::string unit;
  std::string result;  // "" until then
};

int OnJobRemoved(sd_bus_message* message, void* data, sd_bus_error*) {
  Job* const job = static_cast<Job*>(data);
  uint32_t number;
  const char *path, *unit, *result;
  if (::sd_bus_message_read(message, "uoss", &number, &path, &unit, &result) < 0) return 0;
  if (job->unit == unit) job->result = result;
  return 0;
}

}  // namespace

absl::StatusOr<Bus> Bus::OfMachine() { return At("/run/systemd/private"); }

absl::StatusOr<Bus> Bus::OfUser() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (!runtime || runtime[0] != '/') {
    return absl::FailedPreconditionError(
        "the systemd of this user cannot be found: XDG_RUNTIME_DIR is not set");
  }
  return At(absl::StrCat(runtime, "/systemd/private"));
}

absl::StatusOr<Bus> Bus::At(const std::string& socket) {
  sd_bus* made = nullptr;
  RETURN_IF_ERROR(Check(::sd_bus_new(&made), "sd_bus_new"));
  Bus bus(made);
  RETURN_IF_ERROR(
      Check(::sd_bus_set_address(made, absl::StrCat("unix:path=", socket).c_str()), socket));
  RETURN_IF_ERROR(Check(::sd_bus_start(made), socket));
  return bus;
}

absl::Status Bus::AskForScope(const std::string& unit, const std::string& slice, uint32_t pid,
                              const std::vector<Property>& properties) {
  ASSIGN_OR_RETURN(const Message call, Message::Call(bus_.get(), "StartTransientUnit"));
  sd_bus_message* const message = call.get();
  RETURN_IF_ERROR(Check(::sd_bus_message_append(message, "ss", unit.c_str(), "fail"), unit));
  RETURN_IF_ERROR(Check(::sd_bus_message_open_container(message, 'a', "(sv)"), unit));
  RETURN_IF_ERROR(AppendScope(message, slice, pid));
  RETURN_IF_ERROR(AppendAccounting(message));
  RETURN_IF_ERROR(AppendProperties(message, properties));
  RETURN_IF_ERROR(Check(::sd_bus_message_close_container(message), unit));
  RETURN_IF_ERROR(Check(::sd_bus_message_append(message, "a(sa(sv))", 0), unit));
  return call.Send(bus_.get(), absl::StrCat("start ", unit));
}

absl::Status Bus::AwaitJob(const std::string& unit, const std::string& result) {
  const absl::Time give_up = absl::Now() + kPatience;
  while (result.empty()) {
    const int handled = ::sd_bus_process(bus_.get(), nullptr);
    RETURN_IF_ERROR(Check(handled, "the connection broke"));
    if (handled > 0) continue;
    const absl::Duration left = give_up - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(absl::StrCat("systemd: start ", unit, ": not done after ",
                                                      absl::FormatDuration(kPatience)));
    }
    const int waited =
        ::sd_bus_wait(bus_.get(), static_cast<uint64_t>(absl::ToInt64Microseconds(left)));
    RETURN_IF_ERROR(Check(waited, "the connection broke"));
  }
  if (result == "done") return absl::OkStatus();
  return absl::InternalError(absl::StrCat("systemd: start ", unit, ": the job ended as ", result,
                                          "; `systemctl status ", unit, "` may know more"));
}

absl::Status Bus::StartScope(const std::string& unit, const std::string& slice, uint32_t pid,
                             const std::vector<Property>& properties) {
  Job job{.unit = unit};
  RETURN_IF_ERROR(Check(::sd_bus_match_signal(bus_.get(), nullptr, nullptr, kObject, kManager,
                                              "JobRemoved", OnJobRemoved, &job),
                        "JobRemoved"));
  const absl::Time give_up = absl::Now() + kNamePatience;
  absl::Status asked = AskForScope(unit, slice, pid, properties);
  while (absl::IsAlreadyExists(asked) && absl::Now() < give_up) {
    // One that has failed stays until it is told to go; one that has ended takes a moment.
    if (const auto reset = Message::Call(bus_.get(), "ResetFailedUnit"); reset.ok()) {
      ::sd_bus_message_append(reset->get(), "s", unit.c_str());
      reset->Send(bus_.get(), unit).IgnoreError();
    }
    absl::SleepFor(absl::Milliseconds(50));
    asked = AskForScope(unit, slice, pid, properties);
  }
  RETURN_IF_ERROR(asked);
  return AwaitJob(unit, job.result);
}

absl::Status Bus::SetProperties(const std::string& unit, const std::vector<Property>& properties) {
  ASSIGN_OR_RETURN(const Message call, Message::Call(bus_.get(), "SetUnitProperties"));
  sd_bus_message* const message = call.get();
  // "runtime": until the machine restarts.
  RETURN_IF_ERROR(Check(::sd_bus_message_append(message, "sb", unit.c_str(), 1), unit));
  RETURN_IF_ERROR(Check(::sd_bus_message_open_container(message, 'a', "(sv)"), unit));
  RETURN_IF_ERROR(AppendProperties(message, properties));
  RETURN_IF_ERROR(Check(::sd_bus_message_close_container(message), unit));
  return call.Send(bus_.get(), absl::StrCat("set properties of ", unit));
}

}  // namespace moat::systemd
