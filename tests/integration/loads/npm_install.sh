# root: loads
# long
# npm: 12 packages that depend on each other, packed, and installed from a folder with their scripts.
# limit: 900
set -eu
mkdir -p /tmp/np/packed && cd /tmp/np && export npm_config_cache=/tmp/np/cache npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
for i in $(seq 12); do
  mkdir -p p$i && dep=''
  [ "$i" = 1 ] || dep="\"p$((i - 1))\": \"file:/tmp/np/packed/p$((i - 1))-1.0.0.tgz\""
  printf '{"name": "p%d", "version": "1.0.0", "main": "index.js", "bin": {"run-p%d": "index.js"}, "scripts": {"postinstall": "node -e \\"require(\x27fs\x27).writeFileSync(\x27made\x27, \x27x\x27)\\""}, "dependencies": {%s}}' "$i" "$i" "$dep" > p$i/package.json
  { echo '#!/usr/bin/env node'; [ "$i" = 1 ] && echo 'module.exports = 1;' || echo "module.exports = 1 + require('p$((i - 1))');"; echo 'if (require.main === module) console.log(module.exports);'; } > p$i/index.js
  (cd p$i && npm pack --pack-destination /tmp/np/packed > /dev/null 2>&1)
done
ls packed | wc -l
mkdir app && cd app && echo '{"name": "app", "version": "1.0.0"}' > package.json
npm install /tmp/np/packed/p12-1.0.0.tgz > install.log 2>&1 && echo installed
node -e "console.log(require('p12'))"; ls node_modules | wc -l; ls node_modules/*/made | wc -l
npx run-p12; npm ls --all 2>/dev/null | grep -c 'p[0-9]*@1.0.0'
rm -r node_modules && npm ci > ci.log 2>&1 && node -e "console.log(require('p12'))"
npm uninstall p12 > /dev/null 2>&1; ls node_modules 2>/dev/null | wc -l
