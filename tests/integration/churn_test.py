#!/usr/bin/env python3
"""200 containers, 20 at a time, and whatever belongs to them killed at random moments.

Afterwards no process, mount, control group or state directory may be left (and so no namespace,
which lives by processes and mounts alone): what a killed moat could not remove, `delete --force`,
or the next command, does. The seed is printed; MOAT_CHURN_SEED repeats its choices (not the machine's timing).
"""

import concurrent.futures
import json
import os
import random
import subprocess
import time

import sandbox
from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until

CONTAINERS = int(os.environ.get("MOAT_CHURN_CONTAINERS", "200"))
AT_A_TIME = 20
LONGEST_LIFE = 1.5  # seconds until the kill
DELETE_SECONDS = 60
VICTIMS = ["moat", "moat-sentry", "moat-gofer", "init", "kill", "nobody"]
WORKLOAD = "for i in 1 2 3 4 5 6 7 8; do (ls -lR /etc >/dev/null; cat /proc/self/status >/dev/null) & done; wait; sleep 1"


class Churn(SandboxTest):
    def test_random_kills_leave_nothing(self):
        seed = int(os.environ.get("MOAT_CHURN_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}")
        def change(config):
            config["process"]["args"] = ["sh", "-c", WORKLOAD]
            config["root"]["readonly"] = True
            config["linux"]["resources"] = {"memory": {"limit": 256 << 20}, "pids": {"limit": 64}}
        self.source = self.bundle(root("base"), change)
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            jobs = [pool.submit(self.one_life, number, random.Random(seed + number)) for number in range(CONTAINERS)]
            faults = [fault for job in jobs for fault in job.result()]
        # Commands after the kills find nothing that they stumble over.
        self.assert_ends(self.moat("list"), 0)
        self.assertEqual([], faults)
        self.assertTrue(wait_until(lambda: not self._processes_of_moat(), 30), self._processes_of_moat())

    @staticmethod
    def _processes_of_moat():
        return [f"{pid} {sandbox.name_of(pid)}" for pid in sandbox.running()]

    def one_life(self, number, choice):
        """Makes, disturbs and deletes one container; a list of what went wrong."""
        name = f"{ID}-{number}"
        foreground = choice.random() < 0.5
        victim, moment = choice.choice(VICTIMS), choice.uniform(0, LONGEST_LIFE)
        command = [MOAT, "--root", str(self.state), "run", *([] if foreground else ["--detach"]), "--bundle", str(self.source), name]
        with open(os.devnull, "r+b") as null:
            process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
        time.sleep(moment)
        self.disturb(name, process, victim)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return [f"{name}: `run` hangs after {victim} was killed at {moment:.2f} s"]
        # Twice, as containerd does; the second time it may be gone.
        for _ in range(2):
            deleted = self.moat("delete", "--force", name, limit=DELETE_SECONDS)
            if deleted.code != 0:
                return [f"{name}: delete after {victim} at {moment:.2f} s: {deleted.err.strip()}"]
        return []

    def disturb(self, name, process, victim):
        if victim == "moat":
            process.kill()
        elif victim == "kill":
            self.moat("kill", name, "KILL")
        elif victim != "nobody":
            sandbox.kill_all(self.pids_of(name, victim))

    def pids_of(self, name, victim):
        try:
            record = json.loads((self.state / name / "state.json").read_text())
        except (OSError, ValueError):
            return []  # too early
        part = {"moat-sentry": "sentry", "moat-gofer": "gofer"}.get(victim, victim)
        return [record[part]["pid"]] if record[part]["pid"] else []


if __name__ == "__main__":
    main()
