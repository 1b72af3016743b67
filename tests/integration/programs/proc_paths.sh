# Random paths into /proc and /sys, walked by the kernel and by the sentry: the same errors, kinds and link texts. What
# is not there for a container (docs/proc.md), or not to be opened (ns), has no name in the list.
# limit: 120
cd /tmp && mkdir -p folder && echo text > file && ln -s /proc/self link && exec 7< file 8< folder/ && python3 - <<'END'
import errno, os, random, stat

HEADS = ["/proc", "/proc/self", "/proc/thread-self", "/proc/PID", "/proc/1", "/sys", "link", "/dev/fd", "/proc/self/task/PID",
         "/proc/self/fd", "/proc/self/cwd", "/proc/self/root", "/proc/sys", "/proc/99999999", "/proc/self/task/1"]
PARTS = ["self", "thread-self", "PID", "..", "..", ".", "", "fd", "7", "8", "99", "-1", "07", "task", "cwd", "root", "exe", "status", "stat",
         "cmdline", "comm", "environ", "maps", "limits", "mounts", "mountinfo", "net", "sys", "kernel", "hostname", "ostype", "uptime",
         "meminfo", "cpuinfo", "loadavg", "version", "filesystems", "proc", "tmp", "file", "folder", "link", "no-such", "x" * 255, "x" * 256, "fdinfo"]
CALLS = {
    "lstat": lambda p: oct(stat.S_IFMT(os.lstat(p).st_mode)),
    "stat": lambda p: oct(stat.S_IFMT(os.stat(p).st_mode)),
    "readlink": os.readlink,
    "access": lambda p: os.access(p, os.R_OK),
    "open": lambda p: opened(p, os.O_RDONLY | os.O_NONBLOCK),
    "path": lambda p: opened(p, os.O_PATH),
    "folder": lambda p: opened(p, os.O_RDONLY | os.O_DIRECTORY),
}

def opened(path, flags):
    os.close(os.open(path, flags))
    return "opened"

def attempt(call, path):
    try:
        return call(path)
    except OSError as error:
        return errno.errorcode[error.errno]

chance, pid, lines = random.Random(7), str(os.getpid()), []
for number in range(6000):
    parts = [chance.choice(HEADS)] + [chance.choice(PARTS) for _ in range(chance.randrange(5))]
    path = "/".join(parts) + chance.choice(["", "", "", "/", "/."])
    name = chance.choice(list(CALLS))
    outcome = str(attempt(CALLS[name], path.replace("PID", pid)))
    if name == "readlink":
        outcome = outcome.replace(pid, "PID")
    lines.append(f"{name} {path.replace('x' * 255, 'X')} {outcome}")
print("\n".join(lines))
END
