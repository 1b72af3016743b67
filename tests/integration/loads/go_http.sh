# root: loads
# long
# A Go server built on the spot that opens files and starts programs, under ab and wrk.
# limit: 300
set -eu
mkdir -p /tmp/g && cd /tmp/g && export GOCACHE=/tmp/gocache GOFLAGS=-mod=mod GOPROXY=off
cat > go.mod <<'G'
module server
go 1.19
G
cat > main.go <<'G'
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
)

func main() {
	http.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile("/etc/debian_version")
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Write(text)
	})
	http.HandleFunc("/exec", func(w http.ResponseWriter, r *http.Request) {
		out, err := exec.Command("/bin/echo", "started").Output()
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Write(out)
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:8095", nil))
}
G
go build -o server . && echo built
./server & server=$!
for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8095/file && break; sleep 0.2; done
curl -s http://127.0.0.1:8095/exec
ab -q -n 500 -c 8 http://127.0.0.1:8095/exec > ab.out; grep -E 'Complete requests|Failed requests' ab.out
wrk -t2 -c30 -d"$LOAD_SECONDS" http://127.0.0.1:8095/file > wrk.out
grep -c 'Requests/sec' wrk.out; grep 'Non-2xx' wrk.out || echo 'all 2xx'
kill $server; wait $server || true; echo stopped
