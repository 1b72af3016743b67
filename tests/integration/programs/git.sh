# git: init, commit, clone, branch, merge, status, gc.
# limit: 120
set -eu
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
cd /tmp && git init -q -b main repo && cd repo
for i in $(seq 1 200); do mkdir -p d$((i % 10)); seq $i > d$((i % 10))/f$i; done
git add . && git commit -q -m first && git rev-parse HEAD && git status --short | wc -l
git checkout -q -b other && echo more >> d1/f1 && git commit -qam second && git checkout -q main && echo apart >> d2/f2 && git commit -qam third
git merge -q -m merged other && git log --format='%h %s' --graph && git diff --stat HEAD~1 | tail -n 1
cd .. && git clone -q repo copy && cd copy && git log -1 --format=%H && git fsck --no-progress && git gc -q && git count-objects -v | grep '^in-pack'
echo x > untracked && ln -s d1 link && chmod +x d3/f3 && git status --short && git stash -q && git stash list && git worktree add -q ../tree HEAD~1 && ls ../tree | wc -l
git grep -c 17 -- d7 | head -n 3; git archive HEAD | tar -t | wc -l; git clone -q --bare . ../bare && git push -q ../bare HEAD:refs/heads/pushed && git -C ../bare branch
