CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- 128 random bits in base64url: knowing it is the right to see the order.
  public_id text NOT NULL CONSTRAINT orders_public_id_key UNIQUE CHECK (length(public_id) = 22),
  store_id bigint NOT NULL REFERENCES stores (id),
  idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 16 AND 64),
  -- SHA-256 of what was asked for, to tell a repeated request from another one under the same key.
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  buyer_name text NOT NULL CHECK (length(buyer_name) BETWEEN 1 AND 80),
  buyer_phone text NOT NULL CHECK (buyer_phone ~ '^\+91[6-9][0-9]{9}$'),
  total_paise bigint NOT NULL CHECK (total_paise > 0),
  status text NOT NULL DEFAULT 'placed' CHECK (status IN ('placed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_store_id_idempotency_key_key UNIQUE (store_id, idempotency_key)
);

-- Serves the dashboard's list of a store's latest orders.
CREATE INDEX orders_store_id_id_idx ON orders (store_id, id);

CREATE TABLE order_lines (
  order_id bigint NOT NULL REFERENCES orders (id),
  product_id bigint NOT NULL REFERENCES products (id),
  -- Name and price as they were when the order was placed.
  name text NOT NULL,
  price_paise integer NOT NULL CHECK (price_paise > 0),
  quantity integer NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (order_id, product_id)
);
