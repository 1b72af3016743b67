# root: tools
# flags: --new-privileges
# sudo, su and file capabilities: what a user is allowed, refused, and keeps.
cd /tmp && chmod 755 .
useradd --create-home alice && useradd bob
printf 'alice ALL=(bob) NOPASSWD: /usr/bin/id, /usr/bin/env\nalice ALL=(root) NOPASSWD: /usr/bin/cat /etc/shadow\n' > /etc/sudoers.d/test
chmod 440 /etc/sudoers.d/test && visudo -c -q && echo "rules are fine"
as() { setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"; }
as alice sudo -n -u bob id -un; as alice sudo -n -u bob id -gn
as alice sudo -n cat /etc/shadow | head -n 1 | cut -d: -f1
as alice sudo -n -u root id 2>&1 | tail -n 1; as bob sudo -n id 2>&1 | tail -n 1
as alice sudo -n -u bob env | grep -E '^(SUDO_USER|SUDO_COMMAND|HOME|LD_)' | sort
as alice env LD_PRELOAD=/nowhere.so sudo -n -u bob id -un
sudo -u alice sh -c 'id -un; sudo -n -l' | grep -E '^alice|NOPASSWD' | sed 's/^ *//'
su alice -c 'id -un'; echo wrong | as alice su root -c id 2> /dev/null || echo refused
as alice sh -c 'cat /etc/shadow' 2> /dev/null || echo "no shadow for alice"
cp /usr/bin/cat reads && setcap cap_dac_override+ep reads && getcap reads
as alice ./reads /etc/shadow | head -n 1 | cut -d: -f1
as alice setpriv --no-new-privs ./reads /etc/shadow 2> /dev/null || echo "nothing gained"
cp /usr/sbin/getpcaps caps && setcap cap_net_bind_service=ep caps && as alice ./caps 0 2>&1 | sed 's/.*= *//; s/^[0-9]*: //'
cp /usr/bin/python3 python && setcap cap_net_bind_service=ep python
as alice ./python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 80)); print("bound", s.getsockname()[1])'
as alice ping -c 1 -q 127.0.0.1 | grep -c '1 received'
