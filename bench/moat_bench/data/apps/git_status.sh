# git status on 10,000 files, five times.
. /mnt/lib.bash
needs git
many_files repository 10000
cd repository
git init -q . && git add . && git -c user.name=b -c user.email=b@example.org commit -qm all
work() { for _ in $(seq 5); do git status --porcelain; done; }
measure work
