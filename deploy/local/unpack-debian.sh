# Takes one program out of a Debian package: package, path within it, folder to put it in.
# The package is not installed, because it would start a service of its own.
set -eu
package=$1 path=$2 folder=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get update
apt-get download "$package"
dpkg-deb -x ./*.deb unpacked
install -m 755 "unpacked/$path" "$folder/"
