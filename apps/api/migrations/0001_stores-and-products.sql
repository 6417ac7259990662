CREATE TABLE stores (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL CONSTRAINT stores_slug_key UNIQUE
    CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) BETWEEN 3 AND 40),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  store_id bigint NOT NULL REFERENCES stores (id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  price_paise integer NOT NULL CHECK (price_paise BETWEEN 1 AND 1000000000),
  stock integer NOT NULL CHECK (stock BETWEEN 0 AND 1000000),
  -- Grows with every change, so that a consumer of events can drop a stale one.
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Serves keyset paging within a store, newest first.
CREATE INDEX products_store_id_id_idx ON products (store_id, id);
