# Installs PostgreSQL's server and contrib modules on Debian or Ubuntu without
# letting the packages create and start a cluster of their own on port 5432.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The default is read when a server package is installed, so the package that
# owns the settings comes first; the setting goes away again afterwards.
apt-get update
apt-get install --yes --no-install-recommends postgresql-common
setting=/etc/postgresql-common/createcluster.d/careflow-local.conf
if grep -qs '^include_dir' /etc/postgresql-common/createcluster.conf; then
    mkdir -p "$(dirname "$setting")"
    echo 'create_main_cluster = false' >"$setting"
    trap 'rm -f "$setting"' EXIT
else
    cp -p /etc/postgresql-common/createcluster.conf /etc/postgresql-common/createcluster.conf.careflow
    echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
    trap 'mv /etc/postgresql-common/createcluster.conf.careflow /etc/postgresql-common/createcluster.conf' EXIT
fi
apt-get install --yes --no-install-recommends postgresql postgresql-contrib
