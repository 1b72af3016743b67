# npm install of 50 packages that lie in a folder, without a network.
. /mnt/lib.bash
needs npm node
mkdir -p project && cd project
dependencies=
for i in $(seq 50); do
  mkdir -p ../packages/p$i
  echo "{\"name\": \"p$i\", \"version\": \"1.0.0\", \"main\": \"index.js\"}" >../packages/p$i/package.json
  for j in $(seq 20); do echo "module.exports = $j;" >../packages/p$i/f$j.js; done
  dependencies="$dependencies\"p$i\": \"file:../packages/p$i\","
done
echo "{\"name\": \"project\", \"version\": \"1.0.0\", \"dependencies\": {${dependencies%,}}}" >package.json
work() { npm install --offline --no-audit --no-fund --install-links; }
measure work
