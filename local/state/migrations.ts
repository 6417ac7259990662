/**
 * The schema of the state, one step a version (PRAGMA user_version counts them). Steps that were released are never
 * edited; a change is a new step. Times are RFC 3339 in UTC with seconds; labels, rules, … are JSON; booleans 0 or 1.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE sequence (next INTEGER NOT NULL) STRICT;
  INSERT INTO sequence VALUES (10000000001);

  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE actions (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'success', 'error')),
    progress INTEGER NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    error_code TEXT,
    error_message TEXT,
    arguments TEXT NOT NULL
  ) STRICT;
  CREATE INDEX actions_running ON actions (id) WHERE status = 'running';

  CREATE TABLE action_resources (
    action_id INTEGER NOT NULL REFERENCES actions ON DELETE CASCADE,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    resource_id INTEGER NOT NULL,
    PRIMARY KEY (action_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX action_resources_resource ON action_resources (type, resource_id);

  CREATE TABLE ssh_keys (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;

  CREATE TABLE placement_groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;

  CREATE TABLE networks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    ip_range TEXT NOT NULL,
    expose_routes_to_vswitch INTEGER NOT NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  CREATE TABLE network_subnets (
    network_id INTEGER NOT NULL REFERENCES networks ON DELETE CASCADE,
    ip_range TEXT NOT NULL,
    type TEXT NOT NULL,
    network_zone TEXT NOT NULL,
    PRIMARY KEY (network_id, ip_range)
  ) STRICT;
  CREATE TABLE network_routes (
    network_id INTEGER NOT NULL REFERENCES networks ON DELETE CASCADE,
    destination TEXT NOT NULL,
    gateway TEXT NOT NULL,
    PRIMARY KEY (network_id, destination)
  ) STRICT;

  CREATE TABLE servers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    server_type TEXT NOT NULL,
    image TEXT NOT NULL,
    location TEXT NOT NULL,
    primary_disk_size INTEGER NOT NULL,
    placement_group_id INTEGER REFERENCES placement_groups ON DELETE SET NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    protection_rebuild INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL,
    -- Needed until the machine is made; emptied then.
    user_data TEXT,
    authorized_keys TEXT
  ) STRICT;
  CREATE TABLE server_networks (
    server_id INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    network_id INTEGER NOT NULL REFERENCES networks,
    ip TEXT NOT NULL,
    alias_ips TEXT NOT NULL,
    mac_address TEXT NOT NULL,
    PRIMARY KEY (server_id, network_id)
  ) STRICT;

  CREATE TABLE primary_ips (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL CHECK (type IN ('ipv4', 'ipv6')),
    ip TEXT NOT NULL UNIQUE,
    location TEXT NOT NULL,
    assignee_id INTEGER REFERENCES servers,
    auto_delete INTEGER NOT NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    dns_ptr TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (assignee_id, type)
  ) STRICT;

  CREATE TABLE firewalls (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    rules TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  CREATE TABLE firewall_servers (
    firewall_id INTEGER NOT NULL REFERENCES firewalls,
    server_id INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    PRIMARY KEY (firewall_id, server_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE firewall_selectors (
    firewall_id INTEGER NOT NULL REFERENCES firewalls,
    selector TEXT NOT NULL,
    PRIMARY KEY (firewall_id, selector)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE volumes (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    size INTEGER NOT NULL,
    location TEXT NOT NULL,
    server_id INTEGER REFERENCES servers ON DELETE SET NULL,
    format TEXT,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE floating_ips (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    type TEXT NOT NULL CHECK (type IN ('ipv4', 'ipv6')),
    ip TEXT NOT NULL UNIQUE,
    home_location TEXT NOT NULL,
    server_id INTEGER REFERENCES servers ON DELETE SET NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    dns_ptr TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE certificates (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- PEM
    certificate TEXT NOT NULL,
    private_key TEXT NOT NULL,
    not_valid_before TEXT NOT NULL,
    not_valid_after TEXT NOT NULL,
    domain_names TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  CREATE TABLE load_balancers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    load_balancer_type TEXT NOT NULL,
    location TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    ipv4 TEXT NOT NULL UNIQUE,
    -- The /64 of which it has the first address.
    ipv6 TEXT NOT NULL UNIQUE,
    dns_ptr TEXT NOT NULL,
    public_interface INTEGER NOT NULL,
    network_id INTEGER REFERENCES networks ON DELETE SET NULL,
    private_ip TEXT,
    mac_address TEXT,
    -- As the API shows them, without what is found out anew each time (health).
    services TEXT NOT NULL,
    targets TEXT NOT NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Of servers' disks; the others are in the catalogue.
  CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL CHECK (type IN ('snapshot', 'backup')),
    status TEXT NOT NULL,
    description TEXT NOT NULL,
    -- GB
    image_size REAL,
    disk_size INTEGER NOT NULL,
    server_id INTEGER NOT NULL,
    server_name TEXT NOT NULL,
    bound_to INTEGER REFERENCES servers ON DELETE CASCADE,
    -- Name of the system image below it.
    system_image TEXT NOT NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  ALTER TABLE servers ADD COLUMN backup_window TEXT;
  -- Of the image in \`images\` that it was made from; \`image\` is the system image below it.
  ALTER TABLE servers ADD COLUMN image_id INTEGER;
  `,
  `
  CREATE TABLE zones (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    ttl INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    protection_delete INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL
  ) STRICT;
  CREATE TABLE zone_rrsets (
    zone_id INTEGER NOT NULL REFERENCES zones ON DELETE CASCADE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    -- null: that of the zone
    ttl INTEGER,
    -- As the API shows them; of the SOA record the serial is 0 here.
    records TEXT NOT NULL,
    protection_change INTEGER NOT NULL DEFAULT 0,
    labels TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (zone_id, name, type)
  ) STRICT;
  `,
];
