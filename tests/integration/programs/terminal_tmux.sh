# Full-screen programs on a pseudo-terminal, driven through tmux.
# limit: 90
export TERM=xterm LANG=C.UTF-8
cd /tmp; seq -f 'line %g' 1 500 > text
see() { for _ in $(seq 100); do tmux capture-pane -pt s | grep -q -- "$1" && return 0; sleep 0.1; done; echo "not seen: $1"; tmux capture-pane -pt s; return 1; }
prompt() { see '^>$'; }  # keys sent before it shows may be flushed with the terminal's input
runs() { for _ in $(seq 100); do pgrep -x "$1" > /dev/null && return 0; sleep 0.1; done; echo "does not run: $1"; return 1; }
tmux -f /dev/null new-session -d -s s -x 80 -y 24 'exec bash --norc --noprofile' || exit 1
tmux send-keys -t s "PS1='> '; stty size" Enter; see '^24 80$' || see '^23 80$' && echo "size is there"; prompt
tmux send-keys -t s 'less text' Enter; see 'line 1$' && tmux send-keys -t s G && see 'line 500' && echo "less shows the end"; tmux send-keys -t s q; prompt
tmux send-keys -t s 'vim.tiny text' Enter; see 'line 1$' && tmux send-keys -t s ':%s/line/row/' Enter ':wq' Enter; prompt; head -n 2 text
tmux send-keys -t s 'sleep 100' Enter; runs sleep; tmux send-keys -t s C-z; see 'Stopped' && echo "stopped by the terminal"; prompt
tmux send-keys -t s 'cat' Enter; runs cat; tmux send-keys -t s C-c; prompt; tmux send-keys -t s 'echo after $?' Enter; see 'after 130' && echo "interrupted by the terminal"; prompt
tmux resize-window -t s -x 100 -y 30; tmux send-keys -t s 'stty size' Enter; see '100$' && echo "size changed"
tmux kill-server; sleep 0.2; echo done
