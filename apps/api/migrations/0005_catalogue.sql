CREATE TABLE categories (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  store_id bigint NOT NULL REFERENCES stores (id),
  -- Chosen once from the first name and kept: a category's address never changes.
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) BETWEEN 1 AND 60),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  -- Lower ones are listed first.
  position integer NOT NULL DEFAULT 0 CHECK (position BETWEEN 0 AND 9999),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT categories_store_id_slug_key UNIQUE (store_id, slug),
  CONSTRAINT categories_store_id_id_key UNIQUE (store_id, id)
);

-- What the bucket holds, or may hold: a row is there before the first of its files is sent, and goes after the last one
-- is deleted. So the bucket never has to be searched for what nobody refers to.
CREATE TABLE images (
  -- SHA-256 (its first half, hex) of all files of the picture.
  digest text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{32}$'),
  -- Of its files, in pixels.
  widths integer[] NOT NULL CHECK (cardinality(widths) BETWEEN 1 AND 8),
  -- When it was last uploaded, or taken off a product.
  touched_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX images_touched_at_idx ON images (touched_at);

-- Every slug that a store has or had. The others lead to it for ever, so no other store may take them.
CREATE TABLE store_slugs (
  slug text PRIMARY KEY,
  store_id bigint NOT NULL REFERENCES stores (id) ON DELETE CASCADE,
  since timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX store_slugs_store_id_idx ON store_slugs (store_id);

INSERT INTO store_slugs (slug, store_id) SELECT slug, id FROM stores;

CREATE FUNCTION keep_store_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO store_slugs (slug, store_id) VALUES (NEW.slug, NEW.id) ON CONFLICT (slug) DO NOTHING;
  IF NOT EXISTS (SELECT FROM store_slugs WHERE slug = NEW.slug AND store_id = NEW.id) THEN
    -- As if the other store still had it.
    RAISE unique_violation USING
      MESSAGE = format('the slug %s was another store''s', NEW.slug), CONSTRAINT = 'stores_slug_key';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER stores_keep_slug AFTER INSERT OR UPDATE OF slug ON stores
  FOR EACH ROW EXECUTE FUNCTION keep_store_slug();

-- Last, because nobody reads products from here until the end. The indexes need the new columns, so they come after them.
ALTER TABLE products
  ADD COLUMN description text NOT NULL DEFAULT '' CHECK (length(description) <= 4000),
  -- What it cost before; shown struck through.
  ADD COLUMN compare_at_paise integer
    CONSTRAINT products_compare_at_paise_check CHECK (compare_at_paise > price_paise AND compare_at_paise <= 1000000000),
  -- Hidden products do not exist for buyers.
  ADD COLUMN hidden boolean NOT NULL DEFAULT false,
  -- Higher ones come first; among equals the newest.
  ADD COLUMN position integer NOT NULL DEFAULT 0 CHECK (position BETWEEN 0 AND 9999),
  ADD COLUMN category_id bigint,
  -- [{"digest", "width", "height", "widths", "alt"}], the first one being what lists show. With the product, because it
  -- is never read or sent without it.
  ADD COLUMN images jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_array_length(images) <= 8),
  -- A category of the same store. Not deleted with products in it: each of them would have to tell that it changed.
  ADD CONSTRAINT products_category_fkey FOREIGN KEY (store_id, category_id) REFERENCES categories (store_id, id);

-- Keyset paging: for the merchant, for buyers, for buyers within a category.
CREATE INDEX products_position_idx ON products (store_id, position, id);
CREATE INDEX products_visible_idx ON products (store_id, position, id) WHERE NOT hidden;
CREATE INDEX products_category_idx ON products (store_id, category_id, position, id);
-- products_store_id_id_idx goes one release later: the release before this one pages by it, also when it is gone back to.
-- Which products show a picture, for those who clean up.
CREATE INDEX products_images_idx ON products USING gin (images jsonb_path_ops) WHERE images <> '[]';
