#!/usr/bin/env python3
"""moat-bench says of runc, crun, runsc and moat what is known of them, and survives runtimes that misbehave."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = pathlib.Path(os.environ["MOAT_BENCH"])
MOAT = os.environ["MOAT_BINARY"]
LIMIT = 400


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-test.", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.results = self.folder / "results.json"
        self.place = self.folder / "place"
        self.place.mkdir()
        self.before = self.state_of_the_host()

    def state_of_the_host(self):
        """What a run could leave behind: its folder, and its trace."""
        look = "mount -t tracefs tracefs /sys/kernel/tracing && ls /sys/kernel/tracing/instances"
        names = subprocess.run(["unshare", "--mount", "sh", "-c", look], capture_output=True, text=True, check=True).stdout.split()
        return {*os.listdir(self.place), *(name for name in names if name.startswith("moat-bench") and not self.is_anothers(name))}

    @staticmethod
    def is_anothers(name):
        """Of a run that goes on beside this test: its trace bears its process id."""
        return os.path.exists(f"/proc/{name.rpartition('-')[2]}/exe")

    def tool(self, *words, code=0):
        done = subprocess.run([TOOL, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
        if code is not None:
            self.assertEqual(code, done.returncode, f"{words}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
        return done

    def measure(self, kind, runtimes, *words):
        chosen = [word for runtime in runtimes for word in ("--runtime", runtime)]
        self.tool(kind, *chosen, "--json", self.results, "--work", self.place, *words)
        self.assertEqual(set(), self.state_of_the_host() - self.before, "left behind")
        return json.loads(self.results.read_text())

    def security(self, runtime, parts):
        results = self.measure("security", [runtime], "--only", parts)
        name = runtime.split("=")[0]
        self.assertTrue(results["runtimes"][0]["usable"], results["runtimes"][0])
        return results["security"][name]

    def runtime(self, name):
        if shutil.which(name) is None:
            self.skipTest(f"{name} is not installed")
        return name

    def fake(self, name, script):
        file = self.folder / name
        file.write_text("#!/bin/bash\n" + script)
        file.chmod(0o755)
        return f"{name}={file}"

    # What is known of the peers.

    def test_runc_lets_every_call_through_without_a_profile(self):
        matrix = self.security(self.runtime("runc"), "matrix")
        total = matrix["defaults"]["matrix"]["total"]
        self.assertEqual(total["existing"], total["host_ran"])
        verdicts = {call[1]: call[2] for call in matrix["docker"]["matrix"]["calls"]["x86-64"]}
        for name in ("mount", "io_uring_setup", "bpf", "keyctl", "unshare", "reboot", "userfaultfd"):
            self.assertEqual("refused", verdicts[name], name)
        for name in ("getpid", "openat", "fork", "ptrace"):
            self.assertEqual("native", verdicts[name], name)

    def test_runc_of_debian_takes_the_masks_source_from_the_image(self):
        version = subprocess.run([self.runtime("runc"), "--version"], capture_output=True, text=True).stdout
        if "1.1.5" not in version:
            self.skipTest("another runc than Debian 12's")
        probes = self.security("runc", "escape")["defaults"]["escape"]["probes"]
        for probe in ("mask source", "dev is a link", "console is a link"):
            self.assertIs(True, probes[probe]["open"], probes[probe])
        for probe in ("io_uring", "user namespaces"):
            self.assertIs(True, probes[probe]["open"], probes[probe])
        # The holes that 1.1.5+ds1-1+deb12u1 has closed.
        for probe in ("cwd through a descriptor", "leaked descriptors", "mount target is a link", "proc is a link", "runtime binary"):
            self.assertIs(False, probes[probe]["open"], probes[probe])

    def test_crun_gets_round_hybrid_control_groups(self):
        results = self.measure("security", [self.runtime("crun")], "--only", "posture")
        crun = results["runtimes"][0]
        self.assertTrue(crun["usable"], crun)
        if os.path.isdir("/sys/fs/cgroup/unified"):
            self.assertIn("hybrid", crun["notes"][0])

    def test_runsc_answers_calls_itself(self):
        matrix = self.security(self.runtime("runsc"), "matrix")["defaults"]["matrix"]
        verdicts = {call[1]: call[2] for call in matrix["calls"]["x86-64"]}
        for name in ("getpid", "openat", "clone", "mmap", "futex"):
            self.assertEqual("emulated", verdicts[name], name)
        self.assertLess(matrix["total"]["host_ran"], 10)

    def test_moat_lets_no_i386_call_through(self):
        matrix = self.security(f"moat={MOAT}", "matrix")["defaults"]["matrix"]
        self.assertEqual(0, matrix["doors"]["i386"]["host_ran"])
        verdicts = {call[1]: call[2] for call in matrix["calls"]["x86-64"]}
        self.assertEqual("native", verdicts["getpid"])
        for name in ("openat", "stat", "mount", "bpf"):
            self.assertIn(verdicts[name], ("emulated", "refused"), name)

    def test_moat_ends_with_its_supervisor(self):
        supervisor = self.security(f"moat={MOAT}", "supervisor")["supervisor"]
        for role in ("supervisor", "file proxy"):
            self.assertTrue(supervisor["dies"][role]["workload_ended"], supervisor)

    # Bad runtimes.

    def why_not(self, runtime):
        results = self.measure("security", [runtime], "--only", "posture")
        self.assertFalse(results["runtimes"][0]["usable"])
        self.assertNotIn("security", results)
        return results["runtimes"][0]["why_not"]

    def test_missing_runtime_is_a_row_that_says_so(self):
        self.assertIn("not installed", self.why_not("nowhere=/nonexistent/runtime"))

    def test_runtime_that_crashes(self):
        self.assertIn("137", self.why_not(self.fake("crash", "kill -9 $$")))

    def test_runtime_that_prints_rubbish(self):
        self.why_not(self.fake("rubbish", "head -c 100000000 /dev/urandom; [ $1 = spec ] && echo '{]' > config.json"))

    def test_runtime_that_hangs_and_leaves_a_daemon(self):
        start = time.monotonic()
        pid_file = self.folder / "daemon"
        why = self.why_not(self.fake("hang", f"[ $1 = --version ] && exit; setsid sleep 1000 & echo $! > {pid_file}; exec sleep 1000"))
        self.assertIn("did not end", why)
        self.assertLess(time.monotonic() - start, 150)
        self.assertFalse(os.path.exists(f"/proc/{pid_file.read_text().strip()}"), "the daemon is still there")

    def test_runtime_that_leaves_containers_behind(self):
        runc = shutil.which(self.runtime("runc"))
        fake = self.fake("keeps", f'for w in "$@"; do [ $w = delete ] && exit 0; done; "{runc}" "$@"; code=$?; '
                                  '[ "$3" = run ] && setsid sleep 1000 & exit $code')
        results = self.measure("security", [fake], "--only", "posture")
        self.assertTrue(results["runtimes"][0]["left_behind"])

    # Interruption, output.

    def interrupted(self, number):
        command = [TOOL, "security", "--runtime", f"moat={MOAT}", "--only", "posture,matrix", "--json", self.results,
                   "--work", self.place]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "docker: matrix" in line:
                break
        time.sleep(0.5)
        process.send_signal(number)
        process.wait(60)
        process.stderr.close()

    def test_interrupted_run_leaves_nothing_and_is_resumed(self):
        self.interrupted(signal.SIGINT)
        self.assertEqual(set(), self.state_of_the_host() - self.before, "left behind")
        partial = json.loads(self.results.read_text())
        self.assertFalse(partial["complete"])
        kept = partial["security"]["moat"]["defaults"]["matrix"]
        whole = self.measure("security", [f"moat={MOAT}"], "--only", "posture,matrix", "--resume")
        self.assertTrue(whole["complete"])
        self.assertEqual(kept, whole["security"]["moat"]["defaults"]["matrix"], "done twice")
        self.assertIn("matrix", whole["security"]["moat"]["docker"])

    def test_resume_with_other_options_is_refused(self):
        self.measure("speed", [f"moat={MOAT}"], "--quick", "--only", "life")
        done = self.tool("speed", "--runtime", f"moat={MOAT}", "--only", "life", "--json", self.results, "--resume", code=1)
        self.assertIn("other options", done.stderr)

    def test_killed_run_leaves_nothing(self):
        command = [TOOL, "security", "--runtime", f"moat={MOAT}", "--only", "supervisor", "--work", self.place]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "supervisor" in line:
                break
        time.sleep(1)
        worker = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(worker[0]), signal.SIGKILL)
        self.assertEqual(137, process.wait(60))
        process.stderr.close()
        self.assertEqual(set(), self.state_of_the_host() - self.before, "left behind")

    def validate(self, results):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        jsonschema.validate(results, json.loads(self.tool("--schema").stdout))

    def test_results_of_security_follow_the_schema(self):
        self.validate(self.measure("security", [f"moat={MOAT}", "nowhere=/nonexistent"], "--only", "matrix,posture,escape"))

    def test_results_of_speed_follow_the_schema_and_compare(self):
        first = self.measure("speed", [f"moat={MOAT}", "nowhere=/nonexistent"], "--quick")
        self.assertIn("stat found", first["speed"]["0"]["moat"]["micro"]["figures"])
        self.assertIn("delete", first["speed"]["0"]["moat"]["life"]["figures"])
        self.assertIn("each of 2 idle, private", first["speed"]["0"]["moat"]["memory"]["figures"])
        self.assertIn("stat with 10 descriptors", first["speed"]["0"]["moat"]["growth"]["figures"])
        compared = self.tool("--compare", self.results, self.results).stdout
        self.assertIn("too few rounds", compared)
        self.validate(first)

    def test_breakdown_names_the_steps_of_a_mediated_stat(self):
        results = self.measure("speed", [f"moat={MOAT}"], "--breakdown", "moat")
        steps = {step["name"] for step in results["breakdown"]["stat"]["steps"]}
        self.assertLessEqual({"receive", "read memory", "reply"}, steps)
        self.assertIn("hand over the descriptor", {step["name"] for step in results["breakdown"]["open"]["steps"]})
        self.validate(results)

    def test_page_is_drawn_by_a_browser(self):
        browser = self.runtime("chromium")
        page, picture = self.folder / "page.html", self.folder / "page.png"
        self.measure("security", [f"moat={MOAT}"], "--only", "matrix,posture", "--html", page)
        text = page.read_text()
        for outside in ("http://", "https://", "src=", "@import", "url("):
            self.assertNotIn(outside, text.replace('xmlns="http://www.w3.org/2000/svg"', ""))
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={self.folder}/profile"]
        drawn = subprocess.run([*command, "--dump-dom", page.as_uri()], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertIn("<svg", drawn.stdout)
        self.assertIn("System calls that reach the host", drawn.stdout)
        subprocess.run([*command, f"--screenshot={picture}", "--window-size=1200,2000", page.as_uri()], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=120)
        self.assertGreater(picture.stat().st_size, 20000)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(77)
    names = [f"BenchTest.{name}" for name in sys.argv[1:]] or None
    result = unittest.main(argv=sys.argv[:1], defaultTest=names, exit=False, verbosity=2).result
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped and result.testsRun == len(result.skipped) else 0)
