#!/bin/sh
# Install what the browser tests need: Chromium, and fonts that draw Japanese. As root on Debian or Ubuntu through
# apt-get; elsewhere say what is missing and let those tests skip.
set -eu
have_browser() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 \
        || command -v google-chrome >/dev/null 2>&1 || [ -d "/Applications/Google Chrome.app" ]
}
have_fonts() {
    [ "$(uname)" = Darwin ] || fc-list :lang=ja 2>/dev/null | grep -q .
}
if have_browser && have_fonts; then
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fontconfig fonts-noto-cjk >/dev/null
    exit 0
fi
echo "No Chromium with Japanese fonts found: the browser tests will be skipped (install chromium and fonts-noto-cjk)." >&2
