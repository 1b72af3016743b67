#!/usr/bin/env python3
"""Runs a test suite that nobody of moat wrote under runc and under moat, and compares case by case.

  compare_suite.py cpython [--runtime runc|moat] [--part test_os ...] --results DIR

Every part of a suite runs in a fresh container of each runtime, on the same root and with the same
config.json. A case that ends otherwise in moat than under runc must stand in
known_differences.json with its reason; so must one that stands there and is equal be removed. Cases
that fail alike are no difference: they fail because of the container, not because of moat. A part
with a difference runs a second time under both; what does not differ then again is told as unsteady
(a test of times on a busy machine, for one) and does not count.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import sandbox  # noqa: E402

# What a container of Docker has by default.
CAPABILITIES = ["CAP_" + name for name in (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID "
    "SETPCAP SETUID SYS_CHROOT").split()]
RESULTS = "/results"  # in the container
MEMORY = 1 << 30
PROCESSES = 2000


class Suite:
    """What the suites have in common. A part is what runs in one container."""

    limit = 1200  # seconds for a part
    root = "suites"

    def parts(self):
        raise NotImplementedError

    def policy(self, part):
        """The policy of moat that a part needs; None: the default one."""
        return None

    def command(self, part):
        raise NotImplementedError

    def verdicts(self, part, results, code):
        """{case: verdict} of the files in `results` and the exit code."""
        raise NotImplementedError


class Cpython(Suite):
    """The interpreter's own tests of what is close to the system."""

    PARTS = """
        test__locale test_asyncgen test_asyncio test_asyncore test_cmd_line test_cmd_line_script test_compileall
        test_concurrent_futures test_contextlib test_dbm test_doctest test_eintr test_embed test_epoll
        test_faulthandler test_fcntl test_file test_file_eintr test_fileinput test_fileio test_filecmp test_fork1
        test_ftplib test_functools test_gc test_genericpath test_getpass test_glob test_grp test_gzip test_httplib
        test_httpservers test_import test_importlib test_io test_ioctl test_largefile test_linecache
        test_locale test_logging test_mailbox test_mmap test_multiprocessing_fork test_multiprocessing_forkserver
        test_multiprocessing_main_handling test_multiprocessing_spawn test_netrc test_nntplib test_openpty test_os
        test_pathlib test_pdb test_pkgutil test_platform test_poll test_poplib test_popen test_posix
        test_posixpath test_pty test_pwd test_py_compile test_random test_readline test_regrtest test_repl test_resource
        test_runpy test_sched test_select test_selectors test_shelve test_shutil test_signal test_site test_smtplib
        test_socket test_socket@compat test_socketserver test_spwd test_sqlite3 test_ssl test_stat test_subprocess test_support test_sys
        test_sysconfig test_syslog test_tarfile test_tempfile test_termios test_thread test_threadedtempfile
        test_threading test_threading_local test_time test_timeout test_tty test_unicode_file test_urllib
        test_urllib2_localnet test_uuid test_venv test_wait3 test_wait4 test_weakref test_zipapp test_zipfile
        test_zipfile64 test_zipimport
        """.split()

    def parts(self):
        return self.PARTS

    def policy(self, part):
        return part.partition("@")[2] or None

    def command(self, part):
        module, _, policy = part.partition("@")
        # A module that cannot make a socket of its kind ends there with all that it has; UDP-Lite is for `compat`.
        ignored = [] if policy else ["--ignore", "*UDPLITE*"]
        return ["/usr/bin/python3", "-m", "test", "-u", "largefile,network,subprocess", "--timeout", "900", "--junit-xml",
                f"{RESULTS}/result.xml", *ignored, module]

    def verdicts(self, part, results, code):
        found = {}
        file = results / "result.xml"
        if file.is_file():
            for case in xml.etree.ElementTree.parse(file).iter("testcase"):
                name = case.get("name")
                if name.startswith(("setUpClass", "setUpModule", "tearDown")) or "(" not in name + "(":
                    continue
                found[name] = self._verdict(case)
        found["(all)"] = "ended" if code in (0, 2, 3) else f"code {code}"
        return found

    @staticmethod
    def _verdict(case):
        if case.find("skipped") is not None or case.get("result") == "skipped":
            return "skipped"
        return "passed" if case.find("error") is None and case.find("failure") is None else "failed"


class StressNg(Suite):
    """Every stressor for a second: what it says, and that the container survives it."""

    limit = 60
    SAYS = {0: "passed", 2: "failed", 3: "no resources", 4: "not implemented", 5: "killed by a signal",
            6: "killed by exit", 7: "no metrics"}

    def parts(self):
        listed = subprocess.run(["chroot", sandbox.root("suites"), "stress-ng", "--stressors"],
                                capture_output=True, text=True, check=True)
        return listed.stdout.split()

    def command(self, part):
        return ["/bin/sh", "-c", f"cd /tmp && stress-ng --{part} 1 --timeout 1 --oomable; code=$?; "
                f"echo $code > {RESULTS}/code; echo survived"]

    def verdicts(self, part, results, code):
        file = results / "code"
        if not file.is_file():
            return {part: f"did not end (code {code})"}
        number = int(file.read_text())
        return {part: self.SAYS.get(number, f"code {number}")}


TAP_LINE = re.compile(r"^(not ok|ok)\b\s*(\d*)\s*(?:- )?([^#\n]*)(# *(?:skip|todo)?)?", re.IGNORECASE)


def tap_verdicts(prefix, text, code, named):
    """{case: verdict} of a TAP output; cases have their names with `named`, else their numbers."""
    found = {prefix: "ended" if code == 0 else f"code {code}"}
    for line in text.splitlines():
        if match := TAP_LINE.match(line.strip()):
            good, number, name, directive = match.groups()
            # GLib names a random case by its seed.
            name = re.sub(r"seed:\d+", "seed", name.strip())
            case = f"{prefix} {name if named and name else number}"
            skipped = directive and "skip" in directive.lower()
            found[case] = "skipped" if skipped else "passed" if good.lower() == "ok" else "failed"
    return found


def listing(root, folder, pattern):
    """Paths of files below the folder of a root that match, relative to the folder."""
    base = pathlib.Path(sandbox.root(root)) / folder.lstrip("/")
    return sorted(str(file.relative_to(base)) for file in base.glob(pattern))


class Installed(Suite):
    """The installed tests of GLib, D-Bus, libsoup and OSTree: one program each, most with several cases."""

    limit = 400
    root = "more-suites"
    FOLDER = "/usr/share/installed-tests"

    def parts(self):
        return [file.removesuffix(".test").replace("/", ":") for file in listing(self.root, self.FOLDER, "*/*.test")]

    def command(self, part):
        # The line Exec= of the description says what to run (gnome-desktop-testing-runner(1)).
        file = f"{self.FOLDER}/{part.replace(':', '/')}.test"
        return ["/bin/sh", "-c", f"sed -n s/^Exec=//p {file} > /tmp/run; mkdir /tmp/w; cd /tmp/w; "
                f"timeout 300 sh /tmp/run > {RESULTS}/tap 2>&1; echo $? > {RESULTS}/code"]

    def verdicts(self, part, results, code):
        if not (results / "code").is_file():
            return {part: f"did not end (code {code})"}
        text = (results / "tap").read_text(errors="replace")
        return tap_verdicts(part, text, int((results / "code").read_text()), named=True)


class Systemd(Suite):
    """systemd's own unit tests: 0 passed, 77 skipped."""

    limit = 300
    root = "more-suites"
    FOLDER = "/usr/lib/systemd/tests"

    def parts(self):
        return [part.replace("/", ":") for part in listing(self.root, self.FOLDER, "**/test-*") if "." not in part
                and "testdata" not in part and "fuzz" not in part]

    def command(self, part):
        return ["/bin/sh", "-c", f"cd /tmp; timeout 200 {self.FOLDER}/{part.replace(':', '/')} > {RESULTS}/out 2>&1; "
                f"echo $? > {RESULTS}/code; tail -n 15 {RESULTS}/out"]

    def verdicts(self, part, results, code):
        if not (results / "code").is_file():
            return {part: f"did not end (code {code})"}
        number = int((results / "code").read_text())
        return {part: {0: "passed", 77: "skipped"}.get(number, f"code {number}")}


class Perl(Suite):
    """Perl's core tests: every script of a folder, one after the other."""

    limit = 3000
    root = "more-suites"
    PARTS = ("t/base t/cmd t/comp t/io t/op t/run t/uni t/mro t/lib t/class ext/POSIX/t ext/File-Glob/t ext/Fcntl/t "
             "ext/File-Find/t ext/IPC-Open3/t ext/FileCache/t dist/IO/t dist/threads/t dist/threads-shared/t "
             "dist/Thread-Queue/t dist/Storable/t cpan/Socket/t cpan/IPC-SysV/t cpan/IO-Socket-IP/t cpan/File-Temp/t "
             "cpan/File-Path/t cpan/Sys-Syslog/t cpan/IPC-Cmd/t cpan/Archive-Tar/t cpan/DB_File/t cpan/Time-HiRes/t "
             "dist/Time-HiRes/t dist/PathTools/t lib").split()

    def parts(self):
        base = pathlib.Path(sandbox.root(self.root)) / "perl"
        return [part.replace("/", ":") for part in self.PARTS if any((base / part).glob("*.t"))]

    def command(self, part):
        # Core tests stand in t and find their modules in ../lib; those of distributions in their own folder.
        folder = part.replace(":", "/")
        run = "cd /perl/t; for f in ../%s/*.t" if folder.startswith(("t/", "lib")) else "cd /perl/%s/..; for f in t/*.t"
        return ["/bin/bash", "-c", f"export PERL_CORE=1 PERL5LIB=/perl/lib LC_ALL=C.UTF-8; {run % folder}; do "
                f"n=$(basename $f .t); timeout 120 /usr/bin/perl $f > {RESULTS}/$n.tap 2> {RESULTS}/$n.err < /dev/null; "
                f"echo $? > {RESULTS}/$n.code; done; echo all > {RESULTS}/all"]

    def verdicts(self, part, results, code):
        found = {part: "ended" if (results / "all").is_file() else f"did not end (code {code})"}
        for file in sorted(results.glob("*.code")):
            text = file.with_suffix(".tap").read_text(errors="replace")
            found.update(tap_verdicts(f"{part.replace(':', '/')}/{file.stem}", text, int(file.read_text()), named=False))
        return found


SUITES = {"cpython": Cpython, "installed": Installed, "perl": Perl, "stress-ng": StressNg, "systemd": Systemd}


def configure(config, command, policy, rootfs, results):
    if policy:
        config.setdefault("annotations", {})["dev.moat.policy"] = policy
    process = config["process"]
    process.update(terminal=False, args=command, cwd="/tmp", noNewPrivileges=False,
                   env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                        "LANG=C.UTF-8", "TMPDIR=/tmp"])
    process["capabilities"] = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
    process["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024}]
    config["root"] = {"path": str(rootfs), "readonly": False}
    # A resolver that knows itself, as every engine gives its containers.
    (results.parent / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    config["mounts"] += [
        {"destination": "/etc/hosts", "type": "bind", "source": str(results.parent / "hosts"),
         "options": ["bind", "ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
        {"destination": RESULTS, "type": "bind", "source": str(results), "options": ["bind", "rw"]}]
    config["linux"]["resources"]["memory"] = {"limit": MEMORY}
    config["linux"]["resources"]["pids"] = {"limit": PROCESSES}


def run_part(runtime, suite, part, keep):
    """{case: verdict} of one part under one runtime; its output is kept in the file `keep`."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="moat-suite."))
    merged = folder / "rootfs"
    container = f"suite-{os.getpid()}"
    try:
        for name in ("upper", "work", "rootfs", "results"):
            (folder / name).mkdir(mode=0o755)
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={sandbox.root(suite.root)},"
                        f"upperdir={folder}/upper,workdir={folder}/work", "overlay", merged], check=True)
        subprocess.run(["runc", "spec", "--bundle", folder], check=True)
        config = json.loads((folder / "config.json").read_text())
        configure(config, suite.command(part), suite.policy(part), merged, folder / "results")
        (folder / "config.json").write_text(json.dumps(config))
        ended = sandbox.run([runtime, "--root", folder / "state", "run", "--bundle", folder, container],
                            limit=suite.limit)
        keep.write_text(f"{ended.out}\n{ended.err}")
        return suite.verdicts(part, folder / "results", ended.code)
    finally:
        sandbox.run([runtime, "--root", folder / "state", "delete", "--force", container])
        sandbox.kill_all(sandbox.running())
        subprocess.run(["umount", "--lazy", merged], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def compare(runc, moat, known):
    """The lines of what is different and not known, and of what is known and not different."""
    lines = []
    for case in sorted(runc.keys() | moat.keys()):
        pair = runc.get(case, "absent"), moat.get(case, "absent")
        if pair[0] != pair[1] and case not in known:
            lines.append(f"{case}: {pair[0]} under runc, {pair[1]} in moat")
        if pair[0] == pair[1] and case in known:
            lines.append(f"{case}: stands in known_differences.json and is no difference")
    return lines


def read_or_run(runtime, program, suite, part, results):
    """Verdicts are kept by part and runtime, so that an interrupted run goes on where it was."""
    file = results / f"{part}.{runtime}.json"
    if file.is_file():
        return json.loads(file.read_text())
    verdicts = run_part(program, suite, part, results / f"{part}.{runtime}.log")
    file.write_text(json.dumps(verdicts, indent=1, sort_keys=True))
    return verdicts


def differences(suite, part, known, results):
    """(cases of moat, lines of what differs, lines of what differed once)."""
    def once(folder):
        folder.mkdir(parents=True, exist_ok=True)
        runc = read_or_run("runc", "runc", suite, part, folder)
        moat = read_or_run("moat", sandbox.MOAT, suite, part, folder)
        return moat, compare(runc, moat, known)
    moat, lines = once(results)
    if not lines:
        return moat, [], []
    _, again = once(results / "again")
    return moat, [line for line in lines if line in again], [line for line in lines if line not in again]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("--part", action="append", help="only this one")
    parser.add_argument("--results", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    suite = SUITES[arguments.suite]()
    known = json.loads((HERE / "known_differences.json").read_text())[arguments.suite]
    bad = cases = 0
    for part in arguments.part or suite.parts():
        moat, lines, unsteady = differences(suite, part, known, arguments.results)
        cases += len(moat)
        bad += len(lines)
        counts = {verdict: list(moat.values()).count(verdict) for verdict in sorted(set(moat.values()))}
        print(f"{part}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}", flush=True)
        for line in lines:
            print(f"  {line}", flush=True)
        for line in unsteady:
            print(f"  unsteady: {line}", flush=True)
    print(f"{cases} cases, {bad} unexplained differences")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    sandbox.enter_test_namespace()
    main()
