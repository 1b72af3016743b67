# Packing 10,000 files and unpacking them again.
. /mnt/lib.bash
needs tar
many_files source 10000
mkdir target
work() { tar -cf all.tar source && tar -xf all.tar -C target; }
measure work
