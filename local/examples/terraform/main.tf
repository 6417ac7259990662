# A server in a private network behind a firewall, with a DNS name. HCLOUD_ENDPOINT and HCLOUD_TOKEN say where:
#
#   eval "$(hetzner-local env)"
#   terraform init && terraform apply -var public_key="$(cat ~/.ssh/id_ed25519.pub)"
terraform {
  required_providers {
    hcloud = {
      source  = "hetznercloud/hcloud"
      version = "~> 1.60"
    }
  }
}

provider "hcloud" {}

variable "public_key" {
  type = string
}

resource "hcloud_ssh_key" "me" {
  name       = "me"
  public_key = var.public_key
}

resource "hcloud_network" "inside" {
  name     = "inside"
  ip_range = "10.0.0.0/16"
}

resource "hcloud_network_subnet" "servers" {
  network_id   = hcloud_network.inside.id
  type         = "cloud"
  network_zone = "eu-central"
  ip_range     = "10.0.1.0/24"
}

resource "hcloud_firewall" "web" {
  name = "web"
  dynamic "rule" {
    for_each = ["22", "80"]
    content {
      direction  = "in"
      protocol   = "tcp"
      port       = rule.value
      source_ips = ["0.0.0.0/0", "::/0"]
    }
  }
}

resource "hcloud_server" "web" {
  name         = "web"
  image        = "debian-12"
  server_type  = "cx23"
  location     = "fsn1"
  ssh_keys     = [hcloud_ssh_key.me.id]
  firewall_ids = [hcloud_firewall.web.id]
  user_data    = "#cloud-config\npackages: [nginx]\n"
  network {
    network_id = hcloud_network.inside.id
    ip         = "10.0.1.10"
  }
  depends_on = [hcloud_network_subnet.servers]
}

resource "hcloud_zone" "shop" {
  name = "shop.example"
  mode = "primary"
}

resource "hcloud_zone_rrset" "web" {
  zone    = hcloud_zone.shop.name
  name    = "@"
  type    = "A"
  records = [{ value = hcloud_server.web.ipv4_address }]
}

output "address" {
  value = hcloud_server.web.ipv4_address
}
