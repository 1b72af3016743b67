# root: apps
# OpenJDK: threads, files, child processes, memory. The class comes as source; a JRE has no javac,
# so it is run from a jar of the JDK's own tools where there is one, else only the virtual machine.
# limit: 180
set -eu
java -version 2>&1 | head -n 1 | cut -d' ' -f1,2
java -XshowSettings:system -version 2>&1 | grep -c 'Effective CPU Count\|Operating System Metrics\|No metrics' | grep -c '[1-9]'
java -Xmx64m -XX:+PrintFlagsFinal -version 2>/dev/null | grep -w MaxHeapSize | awk '{print $4}'
java -Xshare:auto -XX:+UseParallelGC -Xlog:gc:file=/tmp/gc.log -version 2>&1 | wc -l; test -s /tmp/gc.log && echo "gc log"
mkdir -p /tmp/j && cd /tmp/j
# jrunscript and jshell are the JDK's; keytool is in every JRE and works with files, threads and randomness.
keytool -genkeypair -alias a -keyalg EC -dname CN=a -keystore store -storepass secret1 -keypass secret1 2>/dev/null
keytool -list -keystore store -storepass secret1 2>/dev/null | grep -c PrivateKeyEntry
java -cp /no/such Nothing 2>&1 | head -n 1; java --list-modules | wc -l | awk '{print ($1 > 10)}'
for i in 1 2 3; do java -Xint -version >/dev/null 2>&1 & done; wait; echo "three at once"
