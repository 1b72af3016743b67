#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "runtime/spec/parse.h"
#include "runtime/spec/template.h"
#include "runtime/spec/validate.h"

namespace moat::spec {
namespace {

using Json = nlohmann::json;

Json Config() { return Json::parse(TemplateConfig({})); }

// The message of parsing and checking `config`; "" when it is good.
std::string Check(const Json& config) {
  auto spec = Parse(config.dump());
  if (!spec.ok()) return std::string(spec.status().message());
  return std::string(Validate(*spec).message());
}

// The message after a change at `pointer` ("/process/cwd").
std::string CheckWith(const char* pointer, const Json& value) {
  Json config = Config();
  config[Json::json_pointer(pointer)] = value;
  return Check(config);
}

TEST(Spec, ReadsItsOwnTemplate) {
  auto spec = Parse(TemplateConfig({}));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(Validate(*spec).ok()) << Validate(*spec);
  EXPECT_EQ(spec->hostname, "moat");
  EXPECT_TRUE(spec->process->terminal);
  EXPECT_EQ(spec->process->args, std::vector<std::string>{"sh"});
  EXPECT_EQ(spec->process->rlimits[0].soft, 1024u);
  EXPECT_EQ(spec->mounts.size(), 7u);
  EXPECT_NE(spec->linux_config.FindNamespace(NamespaceType::kCgroup), nullptr);
  EXPECT_EQ(spec->linux_config.FindNamespace(NamespaceType::kUser), nullptr);
}

TEST(Spec, RootlessTemplateMapsTheCaller) {
  auto spec = Parse(TemplateConfig({.rootless = true, .uid = 1000, .gid = 1001}));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(Validate(*spec).ok()) << Validate(*spec);
  ASSERT_EQ(spec->linux_config.uid_mappings.size(), 1u);
  EXPECT_EQ(spec->linux_config.uid_mappings[0].host_id, 1000u);
  EXPECT_EQ(spec->linux_config.gid_mappings[0].host_id, 1001u);
}

TEST(Spec, SyntaxErrorsSayLineAndColumn) {
  auto spec = Parse("{\n  \"root\": {,}\n}");
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(std::string(spec.status().message()).find("is not JSON: line 2, column 12: "), 0u)
      << spec.status();
  EXPECT_FALSE(Parse("").ok());
  EXPECT_FALSE(Parse("{} trailing").ok());
  EXPECT_FALSE(Parse("\xff").ok());
}

TEST(Spec, TypeErrorsNameTheField) {
  EXPECT_EQ(CheckWith("/linux/resources/memory", {{"limit", "1G"}}),
            "linux.resources.memory.limit: expected an integer, got a string");
  EXPECT_EQ(CheckWith("/linux/resources/memory", {{"limit", 1.5}}),
            "linux.resources.memory.limit: expected an integer, got a number with a fraction, an "
            "exponent or too many digits");
  EXPECT_EQ(CheckWith("/process/args", "sh"), "process.args: expected an array, got a string");
  EXPECT_EQ(CheckWith("/process/args/0", 7), "process.args[0]: expected a string, got an integer");
  EXPECT_EQ(CheckWith("/process/terminal", 1),
            "process.terminal: expected a boolean, got an integer");
  EXPECT_EQ(CheckWith("/process/user/uid", -1),
            "process.user.uid: -1 is out of range (0 to 4294967295)");
  EXPECT_EQ(CheckWith("/process/user/uid", 4294967296),
            "process.user.uid: 4294967296 is out of range (0 to 4294967295)");
  EXPECT_EQ(CheckWith("/mounts", Json::object()), "mounts: expected an array, got an object");
  EXPECT_EQ(CheckWith("/annotations", {{"a", 1}}),
            "annotations.a: expected a string, got an integer");
  EXPECT_EQ(Check(Json::array()), "the document: expected an object, got an array");
}

TEST(Spec, NamesWhatIsMissing) {
  Json config = Config();
  config.erase("root");
  EXPECT_EQ(Check(config), "root: is missing");
  config = Config();
  config.erase("process");
  EXPECT_EQ(Check(config), "process: is missing");
  config = Config();
  config["mounts"][1].erase("destination");
  EXPECT_EQ(Check(config), "mounts[1].destination: is missing");
  EXPECT_EQ(CheckWith("/process/args", Json::array()), "process.args: is missing or empty");
}

TEST(Spec, MoreMountsThanFitAreRefused) {
  Json many = Json::array();
  for (int i = 0; i < 1500; ++i) {
    many.push_back({{"destination", absl::StrCat("/tmp/", i)}, {"type", "tmpfs"}});
  }
  EXPECT_EQ(CheckWith("/mounts", many), "");
  for (int i = 0; i < 1000; ++i) many.push_back(many[0]);
  EXPECT_EQ(CheckWith("/mounts", many),
            "mounts: 2500 are more than moat can describe to its own processes (about 2,000; fewer "
            "with long paths)");
}

TEST(Spec, IgnoresNullAndUnknownKeys) {
  EXPECT_EQ(CheckWith("/linux/seccomp", nullptr), "");
  EXPECT_EQ(CheckWith("/vendorExtension", {{"x", 1}}), "");
  EXPECT_EQ(CheckWith("/process/mounts", nullptr), "");
}

TEST(Spec, NulCharactersAreRefused) {
  EXPECT_EQ(CheckWith("/process/args/0", std::string("a\0b", 3)),
            "process.args[0]: holds a NUL character");
}

TEST(Spec, ChecksMeaning) {
  EXPECT_EQ(CheckWith("/ociVersion", "2.0.0"),
            "ociVersion: 2.0.0 is not supported (moat reads 1.x)");
  EXPECT_EQ(CheckWith("/ociVersion", "new"), "ociVersion: \"new\" is not a version like 1.3.0");
  EXPECT_EQ(CheckWith("/ociVersion", "1.0.2-dev"), "");
  EXPECT_EQ(CheckWith("/process/cwd", "tmp"), "process.cwd: \"tmp\" is not an absolute path");
  EXPECT_EQ(CheckWith("/process/env/0", "PATH"), "process.env[0]: \"PATH\" is not NAME=value");
  EXPECT_EQ(CheckWith("/process/oomScoreAdj", 1001),
            "process.oomScoreAdj: 1001 is not in -1000 to 1000");
  EXPECT_EQ(CheckWith("/process/rlimits/0/type", "RLIMIT_X"),
            "process.rlimits[0].type: \"RLIMIT_X\" is not a resource limit of Linux");
  EXPECT_EQ(CheckWith("/process/rlimits/1", Config()["process"]["rlimits"][0]),
            "process.rlimits[1]: RLIMIT_NOFILE is given twice");
  EXPECT_EQ(CheckWith("/process/rlimits/0/soft", 4096),
            "process.rlimits[0]: RLIMIT_NOFILE: soft is above hard");
  EXPECT_EQ(CheckWith("/linux/namespaces/1/type", "pid"),
            "linux.namespaces[1].type: this namespace is given twice");
  EXPECT_EQ(CheckWith("/linux/namespaces/1/type", "net"),
            "linux.namespaces[1].type: \"net\" is not a namespace of Linux");
  EXPECT_EQ(CheckWith("/linux/namespaces/1/path", "run/netns/x"),
            "linux.namespaces[1].path: is not an absolute path");
  EXPECT_EQ(CheckWith("/linux/cgroupsPath", "/a/../../b"), "linux.cgroupsPath: holds \"..\"");
  EXPECT_EQ(CheckWith("/linux/rootfsPropagation", "sharde"),
            "linux.rootfsPropagation: \"sharde\" is not shared, slave, private or unbindable");
  EXPECT_EQ(CheckWith("/linux/devices", {{{"path", "/dev/x"}, {"type", "x"}}}),
            "linux.devices[0].type: \"x\" is not one of the letters cubp");
  EXPECT_EQ(CheckWith("/linux/resources/unified", {{"../x", "1"}}),
            "linux.resources.unified.../x: is not the name of a file");
}

TEST(Spec, MappingsNeedAUserNamespace) {
  const Json mapping = {{{"containerID", 0}, {"hostID", 1000}, {"size", 1}}};
  EXPECT_EQ(CheckWith("/linux/uidMappings", mapping),
            "linux.uidMappings: needs a user namespace: add {\"type\": \"user\"} to "
            "linux.namespaces");
}

TEST(Spec, SysctlsStayInTheContainersNamespaces) {
  EXPECT_EQ(CheckWith("/linux/sysctl", {{"net.ipv4.ip_forward", "1"}}), "");
  EXPECT_EQ(CheckWith("/linux/sysctl", {{"net/ipv4/conf/eth0.1/forwarding", "1"}}), "");
  EXPECT_EQ(CheckWith("/linux/sysctl", {{"kernel.shmmax", "1"}}), "");
  EXPECT_EQ(CheckWith("/linux/sysctl", {{"kernel.core_pattern", "|/x"}}),
            "linux.sysctl.kernel.core_pattern: does not belong to a namespace of this container: "
            "it would change the host");
  EXPECT_EQ(CheckWith("/linux/sysctl", {{"net/../kernel/core_pattern", "|/x"}}),
            "linux.sysctl.net/../kernel/core_pattern: is not the name of a sysctl");
}

TEST(Spec, FieldsNotHonouredAreErrors) {
  EXPECT_EQ(CheckWith("/linux/intelRdt", {{"closID", "x"}}),
            "linux.intelRdt: moat does not drive resctrl; take it out of the configuration");
}

TEST(Spec, NetDevicesNeedNames) {
  EXPECT_EQ(CheckWith("/linux/netDevices", {{"eth0", {{"name", "net%d"}}}}), "");
  EXPECT_EQ(CheckWith("/linux/netDevices", {{"../x", Json::object()}}),
            "linux.netDevices.../x: is not the name of an interface");
  EXPECT_EQ(CheckWith("/linux/netDevices", {{"eth0", {{"name", "longer-than-they-may-be"}}}}),
            "linux.netDevices.eth0.name: is not the name of an interface");
}

TEST(Spec, TimeOffsetsNeedAClock) {
  EXPECT_EQ(CheckWith("/linux/timeOffsets", {{"boottime", {{"secs", 1}}}}), "");
  EXPECT_EQ(CheckWith("/linux/timeOffsets", {{"realtime", {{"secs", 1}}}}),
            "linux.timeOffsets.realtime: is not a clock with an offset: monotonic or boottime");
}

}  // namespace
}  // namespace moat::spec
