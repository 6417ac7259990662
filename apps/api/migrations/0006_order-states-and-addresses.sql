-- Indexes first: orders can be read while they are built. A checkout waits at its beginning, where it locks products, and not
-- between reading and writing orders: the ALTER below would wait for it, and it for this.
LOCK TABLE products, orders IN EXCLUSIVE MODE;

-- What the merchant's list of orders filters and searches by, and what revenue is added up from.
CREATE INDEX orders_store_id_status_id_idx ON orders (store_id, status, id);
CREATE INDEX orders_store_id_created_at_idx ON orders (store_id, created_at) INCLUDE (total_paise, status);
-- Reversed, because people search by the last digits.
CREATE INDEX orders_store_id_phone_idx ON orders (store_id, reverse(buyer_phone) text_pattern_ops);
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX orders_store_id_buyer_name_idx ON orders USING gin (store_id, buyer_name gin_trgm_ops);

-- Few products run out at a time, so this index stays small.
CREATE INDEX products_low_stock_idx ON products (store_id, stock, id) WHERE stock <= 5 AND NOT hidden;

-- When an order reached a status after `placed`, and by whom. The way is never walked twice, so each status is there once.
CREATE TABLE order_history (
  order_id bigint NOT NULL REFERENCES orders (id),
  status text NOT NULL CHECK (status IN ('accepted', 'shipped', 'delivered', 'cancelled')),
  actor text NOT NULL CHECK (actor IN ('buyer', 'merchant')),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (order_id, status)
);

-- From here on orders and stores cannot be read, until the end; so nothing that takes long comes after this.
-- Where an order goes and how it is paid. The release before this one goes on placing orders without an address while
-- this one starts, so the columns may be empty.
ALTER TABLE orders
  ADD COLUMN address_street text CHECK (length(address_street) BETWEEN 1 AND 160),
  ADD COLUMN address_landmark text CHECK (length(address_landmark) BETWEEN 1 AND 80),
  ADD COLUMN address_city text CHECK (length(address_city) BETWEEN 1 AND 60),
  ADD COLUMN address_pin text CHECK (address_pin ~ '^[1-9][0-9]{5}$'),
  ADD COLUMN payment_method text NOT NULL DEFAULT 'cash-on-delivery'
    CHECK (payment_method IN ('cash-on-delivery')),
  DROP CONSTRAINT orders_status_check,
  ADD CONSTRAINT orders_status_check
    CHECK (status IN ('placed', 'accepted', 'shipped', 'delivered', 'cancelled'));

-- Where buyers may write to the shop; NULL: the merchant did not say so.
ALTER TABLE stores ADD COLUMN whatsapp_phone text CHECK (whatsapp_phone ~ '^\+91[6-9][0-9]{9}$');
