# root: loads
# long
# cargo: a workspace of four crates with a build script, threads and tests, built without a network.
# limit: 900
set -eu
mkdir -p /tmp/r && cd /tmp/r && export CARGO_HOME=/tmp/r/home CARGO_NET_OFFLINE=true
printf '[workspace]\nmembers = ["a", "b", "c", "app"]\n' > Cargo.toml
for crate in a b c; do
  mkdir -p $crate/src
  printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n' $crate > $crate/Cargo.toml
  cat > $crate/src/lib.rs <<'R'
use std::{fs, sync::mpsc, thread};
pub fn sum(n: u64) -> u64 {
    let (tx, rx) = mpsc::channel();
    for i in 0..8 {
        let tx = tx.clone();
        thread::spawn(move || tx.send((0..n).filter(|x| x % 8 == i).sum::<u64>()).unwrap());
    }
    drop(tx);
    rx.iter().sum()
}
#[test]
fn sums() { assert_eq!(sum(100), 4950); }
#[test]
fn files() {
    let name = std::env::temp_dir().join(format!("{}-{}", env!("CARGO_PKG_NAME"), std::process::id()));
    fs::write(&name, "x").unwrap();
    assert_eq!(fs::read_to_string(&name).unwrap(), "x");
    fs::remove_file(&name).unwrap();
}
R
done
mkdir -p app/src
printf '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\nbuild = "build.rs"\n[dependencies]\na = { path = "../a" }\nb = { path = "../b" }\nc = { path = "../c" }\n' > app/Cargo.toml
echo 'fn main() { println!("cargo:rustc-env=BUILT=by the script"); }' > app/build.rs
echo 'fn main() { println!("{} {}", a::sum(1000) + b::sum(1000) + c::sum(1000), env!("BUILT")); }' > app/src/main.rs
cargo build --release 2> build.log && ./target/release/app
cargo test 2>/dev/null | grep -c 'test result: ok'
touch a/src/lib.rs && cargo build --release 2>&1 | grep -c 'Compiling'
