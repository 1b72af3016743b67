# Python: imports, files, subprocess, tempfile, sockets.
set -eu
cd /tmp
python3 - <<'P'
import asyncio, concurrent.futures, ctypes, decimal, email, hashlib, http.server, json, logging, os, pathlib
import platform, queue, re, shutil, signal, socket, sqlite3, ssl, subprocess, sys, tempfile, threading, time, unittest, urllib.request, xml.dom, zipfile
print("imported", sys.version_info[:2], os.path.realpath(sys.executable), os.getpid() > 0)
print(subprocess.run(["sh", "-c", "cat; exit 3"], input=b"piped", capture_output=True))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print("missing:", e.errno, e.filename)
try:
    subprocess.run(["true"], cwd="/no/such")
except FileNotFoundError as e:
    print("cwd missing:", e.filename)
with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile(dir=d) as f, tempfile.TemporaryFile(dir=d) as g:
    f.write(b"x" * 100000); f.flush(); print(os.path.getsize(f.name), os.listdir(d) == [os.path.basename(f.name)])
    print(g.fileno() > 2, os.fstat(g.fileno()).st_nlink)
p = pathlib.Path("/tmp/py/deep/er"); p.mkdir(parents=True); (p / "a.txt").write_text("text"); shutil.copytree("/tmp/py", "/tmp/py2")
print(sorted(str(x) for x in pathlib.Path("/tmp/py2").rglob("*"))); shutil.rmtree("/tmp/py")
print(os.popen("echo popen").read(), os.system("exit 5") >> 8, os.path.exists("/proc/self/exe"))
print([subprocess.run(["true"]).returncode for _ in range(30)].count(0))
P
python3 -c 'import sys; sys.exit(9)' || echo "exit $?"
python3 -m compileall -q /usr/lib/python3.11/json -f && echo compiled
