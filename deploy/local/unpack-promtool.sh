# Takes promtool out of Debian's package prometheus, into the folder that is named. The package
# is not installed, because it would start a server of its own.
set -eu
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get update
apt-get download prometheus
dpkg-deb -x ./*.deb unpacked
install -m 755 unpacked/usr/bin/promtool "$folder/"
