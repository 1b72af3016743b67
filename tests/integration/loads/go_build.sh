# root: loads
# long
# go: a module of thirty packages built, vetted and tested with the race of its own test processes.
# limit: 600
set -eu
mkdir -p /tmp/gb && cd /tmp/gb && export GOCACHE=/tmp/gb/cache GOPROXY=off GOFLAGS=-mod=mod
printf 'module made\ngo 1.19\n' > go.mod
for i in $(seq 30); do
  mkdir -p p$i
  import=''; call=1
  [ "$i" = 1 ] || { import="import before \"made/p$((i - 1))\""; call='1 + before.F()'; }
  printf 'package p%d\n%s\nfunc F() int { return %s }\n' "$i" "$import" "$call" > p$i/p.go
  printf 'package p%d\nimport ("os"; "os/exec"; "path/filepath"; "testing")\nfunc TestF(t *testing.T) {\n if F() != %d { t.Fatal(F()) }\n name := filepath.Join(t.TempDir(), "x")\n if err := os.WriteFile(name, []byte("y"), 0o600); err != nil { t.Fatal(err) }\n if err := exec.Command("true").Run(); err != nil { t.Fatal(err) }\n}\n' "$i" "$i" > p$i/p_test.go
done
mkdir app && printf 'package main\nimport ("fmt"; "made/p30")\nfunc main() { fmt.Println(p30.F()) }\n' > app/main.go
go build -o made ./app && ./made
go vet ./... && echo vetted
go test ./... | grep -c '^ok'
touch p1/p.go && go build -o made ./app && ./made
