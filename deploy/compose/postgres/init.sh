#!/bin/sh
# Runs once, on an empty database server: a source of orders with a login that may only read it, and
# a database for predictions with the login that publishes them.
set -eu
secrets=${SECRETS_FOLDER:-/run/secrets}

psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
  -v reader="$(cat "$secrets/reader_password")" \
  -v publisher="$(cat "$secrets/publisher_password")" <<'SQL'
CREATE ROLE reader LOGIN PASSWORD :'reader';
ALTER ROLE reader SET default_transaction_read_only = on;
CREATE ROLE publisher LOGIN CREATEROLE PASSWORD :'publisher';
CREATE DATABASE shop;
CREATE DATABASE marts;
REVOKE CONNECT, TEMPORARY ON DATABASE shop, marts FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO reader;
GRANT CONNECT, CREATE ON DATABASE marts TO publisher;

\connect shop
CREATE TABLE orders (
  order_id bigint PRIMARY KEY,
  placed_at timestamptz NOT NULL,
  email text NOT NULL,
  country text,
  channel text NOT NULL,
  weight_kg double precision,
  items integer NOT NULL,
  late boolean NOT NULL
);
CREATE INDEX orders_placed_at ON orders (placed_at);
GRANT SELECT ON orders TO reader;

-- A sample of the last ten days: heavy parcels and two countries come late more often.
SELECT setseed(0.5) AS sample \g /dev/null
INSERT INTO orders
SELECT id, now() - interval '10 days' + id * interval '5 minutes',
  'customer' || id % 97 || '@example.org', country,
  (ARRAY['app', 'marketplace', 'web'])[1 + floor(random() * 3)::int], weight_kg,
  1 + floor(random() * 6)::int,
  random() < 1 / (1 + exp(6 - weight_kg - CASE WHEN country IN ('CH', 'PL') THEN 1 ELSE 0 END))
FROM (
  SELECT id, nullif((ARRAY['AT', 'CH', 'DE', 'FR', 'PL', ''])[1 + floor(random() * 6)::int], '') AS country,
    (1 + random() * 10)::numeric(4, 2)::double precision AS weight_kg
  FROM generate_series(1, 2800) AS id
) AS drawn;
SQL
