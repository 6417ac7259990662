CREATE TABLE merchants (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  phone text NOT NULL CONSTRAINT merchants_phone_key UNIQUE CHECK (phone ~ '^\+91[6-9][0-9]{9}$'),
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE stores ADD COLUMN merchant_id bigint NOT NULL REFERENCES merchants (id);

-- Serves a merchant's list of stores.
CREATE INDEX stores_merchant_id_idx ON stores (merchant_id, id);

-- One row a number: a newer code takes the place of the older one.
CREATE TABLE sign_in_codes (
  phone text PRIMARY KEY CHECK (phone ~ '^\+91[6-9][0-9]{9}$'),
  -- HMAC-SHA-256, under SESSION_SECRET, of what ties the code to the browser that asked for it.
  challenge_hash bytea NOT NULL CONSTRAINT sign_in_codes_challenge_hash_key UNIQUE CHECK (length(challenge_hash) = 32),
  -- HMAC-SHA-256 of challenge and code: six digits alone would be found by trying.
  code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
  attempts_left smallint NOT NULL CHECK (attempts_left >= 0),
  expires_at timestamptz NOT NULL
);

CREATE INDEX sign_in_codes_expires_at_idx ON sign_in_codes (expires_at);

CREATE TABLE sessions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  merchant_id bigint NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  -- HMAC-SHA-256 of the cookie's token.
  token_hash bytea NOT NULL CONSTRAINT sessions_token_hash_key UNIQUE CHECK (length(token_hash) = 32),
  -- Of the token before this one, for requests that were on their way when it changed.
  previous_token_hash bytea CONSTRAINT sessions_previous_token_hash_key UNIQUE CHECK (length(previous_token_hash) = 32),
  rotated_at timestamptz NOT NULL DEFAULT now(),
  -- When the browser first sent the current token. NULL: perhaps it never received it.
  confirmed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);

-- Serves signing out everywhere.
CREATE INDEX sessions_merchant_id_idx ON sessions (merchant_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- Generic cell rate algorithm: one moment is all there is to know about a subject.
CREATE TABLE rate_limits (
  -- HMAC-SHA-256 of limit and subject: this is no list of who was here.
  subject_hash bytea PRIMARY KEY CHECK (length(subject_hash) = 32),
  -- When nothing of the allowance will be in use any more.
  free_at timestamptz NOT NULL
);

CREATE INDEX rate_limits_free_at_idx ON rate_limits (free_at);

-- Forms that were applied, so that a second click leads to the same result instead of doing the same again.
CREATE TABLE submitted_forms (
  merchant_id bigint NOT NULL REFERENCES merchants (id) ON DELETE CASCADE,
  form_key text NOT NULL CHECK (length(form_key) = 22),
  -- SHA-256 of what was entered, to tell a second click from a form that was changed and sent again.
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  -- Where the answer led.
  location text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (merchant_id, form_key)
);

CREATE INDEX submitted_forms_created_at_idx ON submitted_forms (created_at);
