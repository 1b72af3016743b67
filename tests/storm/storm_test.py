#!/usr/bin/env python3
"""200 processes that call paths at the same time for a minute: no wrong answer, no hang, no leak.

The program `storm` knows for every answer whether it is possible. It runs natively first, for a few
seconds, so that an oracle that is wrong is not taken for a sandbox that is.
"""

import pathlib
import subprocess
import time

import sandbox

STORM = pathlib.Path(sandbox.PROGRAMS) / "storm"
PROCESSES = 200


class Storm(sandbox.SandboxTest):
    def parts(self):
        return {name: pid for pid in sandbox.running()
                if (name := sandbox.name_of(pid)) in ("moat-sentry", "moat-gofer")}

    @staticmethod
    def descriptors(parts):
        return {name: len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())) for name, pid in parts.items()}

    def settled(self, parts):
        """The numbers of descriptors once they have stayed the same for a second."""
        last, since = self.descriptors(parts), time.monotonic()
        end = since + 30
        while time.monotonic() - since < 1 and time.monotonic() < end:
            time.sleep(0.1)
            now = self.descriptors(parts)
            if now != last:
                last, since = now, time.monotonic()
        return last

    def storm(self, container, seconds):
        result = self.moat("exec", "--cwd", "/tmp", container, "sh", "-c",
                           f"mkdir run$$ && cd run$$ && /storm/storm {PROCESSES} {seconds}", limit=seconds + 120)
        self.assert_ends(result, 0)
        return result.out

    def test_minute(self):
        arena = self.folder / "arena"
        arena.mkdir()
        self.assert_ends(sandbox.run([STORM / "storm", PROCESSES, 5], cwd=arena, limit=90), 0)

        def change(config):
            config["process"]["args"] = ["sleep", "infinity"]
            config["root"]["readonly"] = False
            config["mounts"].append({"destination": "/storm", "type": "bind", "source": str(STORM),
                                     "options": ["rbind", "ro"]})
        bundle = self.bundle(self.writable(sandbox.root("base")), change)
        container = sandbox.ID
        process = subprocess.Popen([sandbox.MOAT, "--root", self.state, "run", "--bundle", bundle, container],
                                   stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        self.assertTrue(sandbox.wait_until(lambda: self.status(container) == "running", limit=60))
        parts = self.parts()
        self.assertEqual({"moat-sentry", "moat-gofer"}, set(parts))
        print(self.storm(container, 10))  # threads and caches come to be
        before = self.settled(parts)
        print(self.storm(container, 60))
        after = self.settled(parts)
        print(f"descriptors before {before}, after {after}")
        for name, count in after.items():
            # The sentry remembers tasks by pidfds, and drops the dead in batches.
            self.assertLessEqual(count, before[name] + 2 * PROCESSES, f"{name} leaks descriptors")


if __name__ == "__main__":
    sandbox.main()
