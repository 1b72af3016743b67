# root: loads
# long
# memcached under memaslap, which verifies what it gets, by TCP and by a Unix socket.
# limit: 200
set -eu
cd /tmp
memcached -u root -l 127.0.0.1 -p 11299 -m 64 -t 4 -d -P /tmp/mc.pid
memcached -u root -s /tmp/mc.sock -m 64 -t 2 -d -P /tmp/mc2.pid
sleep 1
cat > client.py <<'P'
import os, random, socket, sys, threading, time
end = time.time() + int(os.environ["LOAD_SECONDS"])
wrong = []
def talk(make, number):
    s = make(); f = s.makefile("rwb"); r = random.Random(number); model = {}
    while time.time() < end:
        key = f"{number}-{r.randrange(50)}"
        if r.random() < 0.4:
            value = bytes(r.randrange(97, 123) for _ in range(r.randrange(1, 3000)))
            f.write(f"set {key} 0 0 {len(value)}\r\n".encode() + value + b"\r\n"); f.flush()
            if f.readline() != b"STORED\r\n": wrong.append("set")
            model[key] = value
        else:
            f.write(f"get {key}\r\n".encode()); f.flush()
            head = f.readline(); got = None
            if head.startswith(b"VALUE"):
                got = f.read(int(head.split()[3])); f.readline(); f.readline()
            if got != model.get(key): wrong.append(key)
def tcp(): return socket.create_connection(("127.0.0.1", 11299))
def unix():
    s = socket.socket(socket.AF_UNIX); s.connect("/tmp/mc.sock"); return s
threads = [threading.Thread(target=talk, args=(tcp if i % 2 else unix, i)) for i in range(16)]
for t in threads: t.start()
for t in threads: t.join()
print(len(wrong), "wrong")
P
python3 client.py
kill "$(cat /tmp/mc.pid)" "$(cat /tmp/mc2.pid)"; sleep 1; pgrep memcached || echo stopped
