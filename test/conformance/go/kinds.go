package main

import (
	"net"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

var ten = func() *net.IPNet { _, whole, _ := net.ParseCIDR("10.0.0.0/16"); return whole }()

func kinds() []kind {
	yes := func(on bool) *bool { return &on }
	return []kind{
		kindOf("ssh_key",
			func(k *hcloud.SSHKey) entry { return entry{k.ID, k.Name, k.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.SSHKey.Create(ctx, hcloud.SSHKeyCreateOpts{Name: name, PublicKey: newPublicKey(), Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.SSHKey, *hcloud.Response, error) {
				return client.SSHKey.List(ctx, hcloud.SSHKeyListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.SSHKey, *hcloud.Response, error) { return client.SSHKey.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.SSHKey, *hcloud.Response, error) {
				return client.SSHKey.Update(ctx, &hcloud.SSHKey{ID: id}, hcloud.SSHKeyUpdateOpts{Name: name, Labels: labels})
			},
			nil,
			func(id int64) error { return ignored(client.SSHKey.Delete(ctx, &hcloud.SSHKey{ID: id})) },
		),
		kindOf("placement_group",
			func(g *hcloud.PlacementGroup) entry { return entry{g.ID, g.Name, g.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.PlacementGroup.Create(ctx, hcloud.PlacementGroupCreateOpts{Name: name, Type: hcloud.PlacementGroupTypeSpread, Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.PlacementGroup.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.PlacementGroup, *hcloud.Response, error) {
				return client.PlacementGroup.List(ctx, hcloud.PlacementGroupListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.PlacementGroup, *hcloud.Response, error) {
				return client.PlacementGroup.Get(ctx, id)
			},
			func(id int64, name string, labels map[string]string) (*hcloud.PlacementGroup, *hcloud.Response, error) {
				return client.PlacementGroup.Update(ctx, &hcloud.PlacementGroup{ID: id}, hcloud.PlacementGroupUpdateOpts{Name: name, Labels: labels})
			},
			nil,
			func(id int64) error {
				return ignored(client.PlacementGroup.Delete(ctx, &hcloud.PlacementGroup{ID: id}))
			},
		),
		kindOf("network",
			func(n *hcloud.Network) entry { return entry{n.ID, n.Name, n.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.Network.Create(ctx, hcloud.NetworkCreateOpts{Name: name, IPRange: ten, Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.Network, *hcloud.Response, error) {
				return client.Network.List(ctx, hcloud.NetworkListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.Network, *hcloud.Response, error) { return client.Network.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.Network, *hcloud.Response, error) {
				return client.Network.Update(ctx, &hcloud.Network{ID: id}, hcloud.NetworkUpdateOpts{Name: name, Labels: labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.Network.ChangeProtection(ctx, &hcloud.Network{ID: id}, hcloud.NetworkChangeProtectionOpts{Delete: yes(on)})
			},
			func(id int64) error { return ignored(client.Network.Delete(ctx, &hcloud.Network{ID: id})) },
		),
		kindOf("firewall",
			func(f *hcloud.Firewall) entry { return entry{f.ID, f.Name, f.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.Firewall.Create(ctx, hcloud.FirewallCreateOpts{Name: name, Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.Firewall.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.Firewall, *hcloud.Response, error) {
				return client.Firewall.List(ctx, hcloud.FirewallListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.Firewall, *hcloud.Response, error) { return client.Firewall.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.Firewall, *hcloud.Response, error) {
				return client.Firewall.Update(ctx, &hcloud.Firewall{ID: id}, hcloud.FirewallUpdateOpts{Name: name, Labels: labels})
			},
			nil,
			func(id int64) error { return ignored(client.Firewall.Delete(ctx, &hcloud.Firewall{ID: id})) },
		),
		kindOf("primary_ip",
			func(p *hcloud.PrimaryIP) entry { return entry{p.ID, p.Name, p.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.PrimaryIP.Create(ctx, hcloud.PrimaryIPCreateOpts{
					Name: name, Type: hcloud.PrimaryIPTypeIPv4, AssigneeType: "server", Location: "fsn1", Labels: labels,
				})
				if err != nil {
					return 0, err
				}
				return made.PrimaryIP.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.PrimaryIP, *hcloud.Response, error) {
				return client.PrimaryIP.List(ctx, hcloud.PrimaryIPListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.PrimaryIP, *hcloud.Response, error) { return client.PrimaryIP.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.PrimaryIP, *hcloud.Response, error) {
				return client.PrimaryIP.Update(ctx, &hcloud.PrimaryIP{ID: id}, hcloud.PrimaryIPUpdateOpts{Name: name, Labels: &labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.PrimaryIP.ChangeProtection(ctx, hcloud.PrimaryIPChangeProtectionOpts{ID: id, Delete: on})
			},
			func(id int64) error { return ignored(client.PrimaryIP.Delete(ctx, &hcloud.PrimaryIP{ID: id})) },
		),
		kindOf("server",
			func(s *hcloud.Server) entry { return entry{s.ID, s.Name, s.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				opts := serverOpts(name)
				opts.Labels = labels
				made, err := createServer(opts)
				if err != nil {
					return 0, err
				}
				return made.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.Server, *hcloud.Response, error) {
				return client.Server.List(ctx, hcloud.ServerListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.Server, *hcloud.Response, error) { return client.Server.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.Server, *hcloud.Response, error) {
				return client.Server.Update(ctx, &hcloud.Server{ID: id}, hcloud.ServerUpdateOpts{Name: name, Labels: labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.Server.ChangeProtection(ctx, &hcloud.Server{ID: id}, hcloud.ServerChangeProtectionOpts{Delete: yes(on), Rebuild: yes(on)})
			},
			func(id int64) error {
				result, _, err := client.Server.DeleteWithResult(ctx, &hcloud.Server{ID: id})
				if err != nil {
					return err
				}
				return waited(result.Action, nil)
			},
		),
		kindOf("volume",
			func(v *hcloud.Volume) entry { return entry{v.ID, v.Name, v.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.Volume.Create(ctx, hcloud.VolumeCreateOpts{Name: name, Size: 10, Location: falkenstein, Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.Volume.ID, waited(made.Action, nil)
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.Volume, *hcloud.Response, error) {
				return client.Volume.List(ctx, hcloud.VolumeListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.Volume, *hcloud.Response, error) { return client.Volume.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.Volume, *hcloud.Response, error) {
				return client.Volume.Update(ctx, &hcloud.Volume{ID: id}, hcloud.VolumeUpdateOpts{Name: name, Labels: labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.Volume.ChangeProtection(ctx, &hcloud.Volume{ID: id}, hcloud.VolumeChangeProtectionOpts{Delete: yes(on)})
			},
			func(id int64) error { return ignored(client.Volume.Delete(ctx, &hcloud.Volume{ID: id})) },
		),
		kindOf("floating_ip",
			func(f *hcloud.FloatingIP) entry { return entry{f.ID, f.Name, f.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.FloatingIP.Create(ctx, hcloud.FloatingIPCreateOpts{
					Name: &name, Type: hcloud.FloatingIPTypeIPv4, HomeLocation: falkenstein, Labels: labels,
				})
				if err != nil {
					return 0, err
				}
				return made.FloatingIP.ID, waited(made.Action, nil)
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.FloatingIP, *hcloud.Response, error) {
				return client.FloatingIP.List(ctx, hcloud.FloatingIPListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.FloatingIP, *hcloud.Response, error) { return client.FloatingIP.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.FloatingIP, *hcloud.Response, error) {
				return client.FloatingIP.Update(ctx, &hcloud.FloatingIP{ID: id}, hcloud.FloatingIPUpdateOpts{Name: name, Labels: labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.FloatingIP.ChangeProtection(ctx, &hcloud.FloatingIP{ID: id}, hcloud.FloatingIPChangeProtectionOpts{Delete: yes(on)})
			},
			func(id int64) error { return ignored(client.FloatingIP.Delete(ctx, &hcloud.FloatingIP{ID: id})) },
		),
		kindOf("certificate",
			func(c *hcloud.Certificate) entry { return entry{c.ID, c.Name, c.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				certificate, key := newCertificate(name + ".example")
				made, _, err := client.Certificate.Create(ctx, hcloud.CertificateCreateOpts{Name: name, Certificate: certificate, PrivateKey: key, Labels: labels})
				if err != nil {
					return 0, err
				}
				return made.ID, nil
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.Certificate, *hcloud.Response, error) {
				return client.Certificate.List(ctx, hcloud.CertificateListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.Certificate, *hcloud.Response, error) { return client.Certificate.Get(ctx, id) },
			func(id int64, name string, labels map[string]string) (*hcloud.Certificate, *hcloud.Response, error) {
				return client.Certificate.Update(ctx, &hcloud.Certificate{ID: id}, hcloud.CertificateUpdateOpts{Name: name, Labels: labels})
			},
			nil,
			func(id int64) error { return ignored(client.Certificate.Delete(ctx, &hcloud.Certificate{ID: id})) },
		),
		kindOf("load_balancer",
			func(l *hcloud.LoadBalancer) entry { return entry{l.ID, l.Name, l.Labels} },
			func(name string, labels map[string]string) (int64, error) {
				made, _, err := client.LoadBalancer.Create(ctx, hcloud.LoadBalancerCreateOpts{
					Name: name, LoadBalancerType: &hcloud.LoadBalancerType{Name: "lb11"}, Location: falkenstein, Labels: labels,
				})
				if err != nil {
					return 0, err
				}
				return made.LoadBalancer.ID, waited(made.Action, nil)
			},
			func(opts hcloud.ListOpts, name string, sort []string) ([]*hcloud.LoadBalancer, *hcloud.Response, error) {
				return client.LoadBalancer.List(ctx, hcloud.LoadBalancerListOpts{ListOpts: opts, Name: name, Sort: sort})
			},
			func(id string) (*hcloud.LoadBalancer, *hcloud.Response, error) {
				return client.LoadBalancer.Get(ctx, id)
			},
			func(id int64, name string, labels map[string]string) (*hcloud.LoadBalancer, *hcloud.Response, error) {
				return client.LoadBalancer.Update(ctx, &hcloud.LoadBalancer{ID: id}, hcloud.LoadBalancerUpdateOpts{Name: name, Labels: labels})
			},
			func(id int64, on bool) (*hcloud.Action, *hcloud.Response, error) {
				return client.LoadBalancer.ChangeProtection(ctx, &hcloud.LoadBalancer{ID: id}, hcloud.LoadBalancerChangeProtectionOpts{Delete: yes(on)})
			},
			func(id int64) error { return ignored(client.LoadBalancer.Delete(ctx, &hcloud.LoadBalancer{ID: id})) },
		),
	}
}
