# Installs Debian's Chromium, which the tests of the product's pages drive.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends chromium
