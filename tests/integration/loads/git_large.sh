# root: loads
# long
# git: a repository of 10,000 files is made, cloned by path and by upload-pack, changed, merged and collected.
# limit: 600
set -eu
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/tmp/gitconfig
git config --global user.name t && git config --global user.email t@t && git config --global init.defaultBranch main && git config --global protocol.file.allow always && git config --global gc.auto 0
mkdir /tmp/one && cd /tmp/one && git init -q
for d in $(seq 100); do mkdir -p d$((d / 10))/e$d; for f in $(seq 100); do echo "$d $f" > d$((d / 10))/e$d/f$f; done; done
git add . && git commit -qm 'ten thousand' && git rev-parse HEAD && git ls-files | wc -l
git clone -q /tmp/one /tmp/two && git clone -q file:///tmp/one /tmp/three && git clone -q --depth 1 --no-local /tmp/one /tmp/four
for r in two three four; do git -C /tmp/$r status --short | wc -l; git -C /tmp/$r rev-parse HEAD; done
cd /tmp/two && for f in d1/e11/*; do echo more >> "$f"; done && git commit -qam 'hundred' && git push -q origin HEAD:branch
cd /tmp/one && git merge -q branch && git log --oneline | wc -l && git diff --stat HEAD~1 | tail -1
git mv d2 moved && git commit -qm moved && git status --short | wc -l && git ls-files moved | wc -l
git gc -q && git fsck --no-progress && git count-objects | cut -d' ' -f1
git -C /tmp/three pull -q && git -C /tmp/three rev-parse HEAD
git checkout -q HEAD~2 && git ls-files | wc -l && git checkout -q main && git worktree add -q /tmp/five HEAD && ls /tmp/five/moved | wc -l
