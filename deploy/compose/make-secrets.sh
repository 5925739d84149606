#!/bin/sh
# Makes what compose.yaml mounts under secrets/, once: what is there stays. Nothing is printed.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# Readable by all within the closed folder: containers read them as users of their own.
keep() { [ -s "secrets/$1" ] || { printf '%s\n' "$2" >"secrets/$1" && chmod 644 "secrets/$1"; }; }

for name in postgres_password reader_password publisher_password; do keep "$name" "$(random)"; done
keep shop_url "postgres://reader:$(cat secrets/reader_password)@postgres:5432/shop"
keep marts_url "postgres://publisher:$(cat secrets/publisher_password)@postgres:5432/marts"
keep hash_key "$(random)"
