# root: loads
# long
# ffmpeg makes a film, encodes it with threads, and decodes it again: every frame the same as natively.
# limit: 900
set -eu
mkdir -p /tmp/f && cd /tmp/f
film() { ffmpeg -nostdin -v error "$@"; }
film -f lavfi -i testsrc=size=320x180:rate=25:duration=4 -f lavfi -i sine=frequency=440:duration=4 -c:v libx264 -threads 2 -preset veryfast -c:a aac -flags +bitexact -fflags +bitexact film.mp4
ffprobe -v error -show_entries stream=codec_name,width,height,nb_frames -of csv=p=0 film.mp4
film -threads 4 -i film.mp4 -map 0:v -f framemd5 - | grep -v '^#' | md5sum
film -i film.mp4 -vf scale=160:90,hflip -t 2 -f image2 shot%03d.png && ls shot*.png | wc -l && cat shot*.png | md5sum
mkfifo pipe && (film -y -i film.mp4 -f rawvideo -pix_fmt gray -t 1 pipe &) && md5sum < pipe
film -i film.mp4 -c:v libvpx -b:v 300k -threads 2 -t 2 -an out.webm && ffprobe -v error -count_frames -show_entries stream=codec_name,nb_read_frames -of csv=p=0 out.webm
