# root: apps
# OpenJDK: the compiler, and a program with threads, files, children, sockets and much memory.
# limit: 240
set -eu
mkdir /tmp/j && cd /tmp/j && cat > Main.java <<'J'
import java.io.*; import java.net.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Main {
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(16); List<Future<Integer>> f = new ArrayList<>();
    for (int i = 0; i < 200; i++) { int n = i; f.add(pool.submit(() -> { Path p = Path.of("/tmp/j/f" + n); Files.writeString(p, "text " + n); return Files.readString(p).length(); })); }
    int total = 0; for (Future<Integer> x : f) total += x.get(); pool.shutdown(); System.out.println("files " + total);
    Process c = new ProcessBuilder("sh", "-c", "echo child; exit 5").start(); System.out.println(new String(c.getInputStream().readAllBytes()).trim() + " " + c.waitFor());
    try { new ProcessBuilder("/no/such").start(); } catch (IOException e) { System.out.println("missing"); }
    ServerSocket s = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
    Thread t = new Thread(() -> { try (Socket k = s.accept()) { k.getOutputStream().write("socket\n".getBytes()); } catch (IOException e) { System.out.println(e); } }); t.start();
    try (Socket k = new Socket(s.getInetAddress(), s.getLocalPort())) { System.out.println(new BufferedReader(new InputStreamReader(k.getInputStream())).readLine()); } t.join();
    long sum = 0; for (int i = 0; i < 400; i++) { byte[] b = new byte[1 << 20]; sum += b.length; } System.out.println(sum);
    System.out.println(IntStream.range(0, 100000).parallel().sum()); System.out.println(Files.list(Path.of("/tmp/j")).filter(p -> p.getFileName().toString().startsWith("f")).count());
    System.out.println(Runtime.getRuntime().availableProcessors() > 0); System.exit(3);
  }
}
J
javac Main.java && java -Xmx256m Main || echo "exit $?"
java -Xmx64m -XX:+PrintFlagsFinal -version 2>/dev/null | grep -w MaxHeapSize | awk '{print $4}'
java -XX:+UseParallelGC -Xlog:gc:file=/tmp/gc.log -version 2>/dev/null; test -s /tmp/gc.log && echo "gc log"
java -cp /no/such Nothing 2>&1 | head -n 1
for i in 1 2 3; do java -Xint -version >/dev/null 2>&1 & done; wait; echo "three at once"
