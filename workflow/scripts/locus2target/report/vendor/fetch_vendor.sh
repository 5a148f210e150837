#!/usr/bin/env bash
# Fetch the vendored JavaScript again from npm and check it against SHA256SUMS (developers only; a run needs no npm).
#   ./fetch_vendor.sh           check that npm still gives the very files that lie here
#   ./fetch_vendor.sh --write   put the fetched files here and renew SHA256SUMS, after a change of FILES below
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# package@version   file in the package   file here
FILES=$(
    cat <<'END'
echarts@6.1.0     dist/echarts.min.js     echarts.min.js
echarts@6.1.0     LICENSE                 echarts.LICENSE
echarts@6.1.0     NOTICE                  echarts.NOTICE
echarts@6.1.0     licenses/LICENSE-d3     echarts.LICENSE-d3
zrender@6.1.0     LICENSE                 zrender.LICENSE
tslib@2.3.0       LICENSE.txt             tslib.LICENSE
tabulator-tables@6.5.3 dist/js/tabulator.min.js   tabulator.min.js
tabulator-tables@6.5.3 dist/css/tabulator.min.css tabulator.min.css
tabulator-tables@6.5.3 LICENSE            tabulator.LICENSE
END
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # package@version -> its files, under $work/package@version
    [ -d "$work/$1" ] && return
    mkdir -p "$work/$1"
    (cd "$work/$1" && npm pack --silent "$1" >/dev/null && tar xzf ./*.tgz --strip-components=1)
}

mkdir -p "$work/vendor"
while read -r package source target; do
    fetch "$package"
    install -m 644 "$work/$package/$source" "$work/vendor/$target"
done <<<"$FILES"

if [ "${1-}" = "--write" ]; then
    cp "$work/vendor/"* .
    (cd "$work/vendor" && LC_ALL=C sha256sum -- *) >SHA256SUMS
fi
sha256sum --check --strict --quiet SHA256SUMS
(cd "$work/vendor" && sha256sum --check --strict --quiet "$OLDPWD/SHA256SUMS")
echo "vendor: $(wc -l <SHA256SUMS) files are what npm gives"
