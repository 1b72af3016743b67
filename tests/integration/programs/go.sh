# root: apps
# Go: the compiler, and a program with many goroutines, files, children and sockets.
# limit: 240
set -eu
export GOCACHE=/tmp/gocache GOFLAGS=-mod=mod GO111MODULE=on GOTOOLCHAIN=local
mkdir /tmp/g && cd /tmp/g && printf 'module example\ngo 1.19\n' > go.mod && cat > main.go <<'G'
package main
import ("fmt"; "net"; "os"; "os/exec"; "os/signal"; "path/filepath"; "sync"; "syscall"; "time"; "io")
func main() {
	var wg sync.WaitGroup
	dir, _ := os.MkdirTemp("", "go")
	for i := 0; i < 200; i++ { wg.Add(1); go func(i int) { defer wg.Done(); os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("data"), 0o644) }(i) }
	wg.Wait()
	entries, _ := os.ReadDir(dir); fmt.Println("files", len(entries))
	results := make(chan error, 20)
	for i := 0; i < 20; i++ { go func() { results <- exec.Command("/bin/true").Run() }() }
	failed := 0; for i := 0; i < 20; i++ { if <-results != nil { failed++ } }; fmt.Println("children failed", failed)
	out, err := exec.Command("sh", "-c", "echo out; exit 3").Output(); fmt.Printf("%q %v\n", out, err)
	l, _ := net.Listen("tcp", "127.0.0.1:0"); go func() { c, _ := l.Accept(); io.Copy(c, c); c.Close() }()
	c, err := net.Dial("tcp", l.Addr().String()); if err != nil { fmt.Println(err); os.Exit(1) }
	c.Write([]byte("echo")); b := make([]byte, 4); io.ReadFull(c, b); fmt.Println(string(b)); c.Close()
	s := make(chan os.Signal, 1); signal.Notify(s, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println(<-s)
	start := time.Now(); time.Sleep(20 * time.Millisecond); fmt.Println(time.Since(start) < 5*time.Second)
	exe, _ := os.Executable(); fmt.Println(filepath.Base(exe)); _, err = os.Open("/no/such"); fmt.Println(err); os.RemoveAll(dir)
}
G
go build -o program . && ./program && CGO_ENABLED=0 go vet . && go env GOOS
