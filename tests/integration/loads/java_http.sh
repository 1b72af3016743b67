# root: loads
# long
# A Java server with a thread pool that reads and writes files, under wrk.
# limit: 200
set -eu
mkdir -p /tmp/j && cd /tmp/j
cat > Server.java <<'J'
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.*;
import java.util.concurrent.*;
public class Server {
  public static void main(String[] a) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 8096), 100);
    server.setExecutor(Executors.newFixedThreadPool(16));
    server.createContext("/", exchange -> {
      Path own = Files.createTempFile("request", ".tmp");
      Files.writeString(own, "hello from " + exchange.getRequestURI());
      byte[] text = Files.readAllBytes(own);
      Files.delete(own);
      exchange.sendResponseHeaders(200, text.length);
      try (var out = exchange.getResponseBody()) { out.write(text); }
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("stopping")));
    server.start();
  }
}
J
javac Server.java && ls *.class
java -Xmx256m Server > server.out & server=$!
for _ in $(seq 200); do curl -s -o /dev/null http://127.0.0.1:8096/ && break; sleep 0.2; done
curl -s http://127.0.0.1:8096/a; echo
wrk -t2 -c30 -d"$LOAD_SECONDS" http://127.0.0.1:8096/b > wrk.out
grep -c 'Requests/sec' wrk.out; grep 'Non-2xx' wrk.out || echo 'all 2xx'
ls /tmp/request*.tmp 2>/dev/null | wc -l
kill $server; wait $server || true; cat server.out
