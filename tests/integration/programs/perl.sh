# Perl: files, processes, regular expressions.
set -eu
cd /tmp
perl -MFile::Find -MFile::Temp -MPOSIX -MSocket -e '
  open(my $f, ">", "/tmp/p") or die; print $f "line $_\n" for 1..1000; close $f;
  open($f, "<", "/tmp/p"); my $n = () = <$f>; print "$n lines\n";
  print scalar(`echo backticks`); system("exit 3"); print $? >> 8, "\n";
  my $pid = fork; if (!$pid) { exit 6 } waitpid($pid, 0); print $? >> 8, "\n";
  pipe(my $r, my $w); if (!fork) { close $r; print $w "piped\n"; exit } close $w; print <$r>; wait;
  my $count = 0; find(sub { $count++ if /\.pm$/ }, "/usr/share/perl5", "/usr/lib/x86_64-linux-gnu/perl-base"); print $count > 10 ? "found\n" : "none\n";
  $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; pause; opendir(my $d, "/etc"); print((grep { $_ eq "passwd" } readdir $d), "\n");
  symlink("/tmp/p", "/tmp/l"); print readlink("/tmp/l"), " ", -s "/tmp/l", "\n"; unlink "/tmp/l"; utime(1, 2, "/tmp/p"); print((stat "/tmp/p")[9], "\n"); exec "echo", "executed"'
perl -pi -e 's/line/LINE/' p; head -n 2 p
