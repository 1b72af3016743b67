# Python: threads, multiprocessing, asyncio, signals.
# limit: 120
set -eu
cat > /tmp/c.py <<'P'
import asyncio, multiprocessing, os, signal, threading, time, socket
from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor
def square(n): return n * n
def work(path):
    for _ in range(50):
        with open(path, "a") as f: f.write("x")
def main():
    threads = [threading.Thread(target=work, args=("/tmp/shared",)) for _ in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]; print("threads", os.path.getsize("/tmp/shared"))
    with multiprocessing.Pool(4) as pool: print("pool", sum(pool.map(square, range(1000))))
    for method in ("fork", "spawn", "forkserver"):
        ctx = multiprocessing.get_context(method); q = ctx.Queue(); p = ctx.Process(target=q.put, args=(method,)); p.start(); print(q.get(timeout=20)); p.join(); print(p.exitcode)
    with ProcessPoolExecutor(3) as e: print("executor", list(e.map(square, [1, 2, 3])))
    lock, value = multiprocessing.Lock(), multiprocessing.Value("i", 0); print("shared", value.value)
    async def run():
        p = await asyncio.create_subprocess_exec("sh", "-c", "echo async; exit 4", stdout=asyncio.subprocess.PIPE)
        out, _ = await p.communicate(); print(out, p.returncode)
        async def handle(r, w): w.write(await r.readline()); await w.drain(); w.close()
        server = await asyncio.start_unix_server(handle, "/tmp/async.sock")
        r, w = await asyncio.open_unix_connection("/tmp/async.sock"); w.write(b"hello\n"); print(await r.readline()); server.close()
        tcp = await asyncio.start_server(handle, "127.0.0.1", 0); port = tcp.sockets[0].getsockname()[1]
        r, w = await asyncio.open_connection("127.0.0.1", port); w.write(b"tcp\n"); print(await r.readline()); tcp.close()
        print(len(await asyncio.gather(*(asyncio.to_thread(os.stat, "/") for _ in range(50)))))
    asyncio.run(run())
    signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
if __name__ == "__main__": main()
P
python3 /tmp/c.py
