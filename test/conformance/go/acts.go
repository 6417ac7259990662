package main

import (
	"fmt"
	"net"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// checkActs does what is particular to each resource, with one private network, two servers, and what they share.
func checkActs() {
	var web, other *hcloud.Server
	var network *hcloud.Network
	_, subnet, _ := net.ParseCIDR("10.0.1.0/24")

	check := func(what string, work func() error) { report(what, work()) }
	check("network: with a subnet", func() (err error) {
		network, _, err = client.Network.Create(ctx, hcloud.NetworkCreateOpts{Name: "acts", IPRange: ten, Subnets: []hcloud.NetworkSubnet{
			{Type: hcloud.NetworkSubnetTypeCloud, IPRange: subnet, NetworkZone: hcloud.NetworkZoneEUCentral},
		}})
		return err
	})
	check("server: two in the network", func() (err error) {
		opts := serverOpts("acts-web")
		opts.Networks = []*hcloud.Network{network}
		opts.Labels = map[string]string{"app": "web"}
		if web, err = createServer(opts); err != nil {
			return err
		}
		other, err = createServer(serverOpts("acts-other"))
		return err
	})
	if web == nil || other == nil || network == nil {
		return
	}
	checkServer(web, network)
	checkVolume(web, other)
	checkFloatingIP(web, other)
	checkLoadBalancer(web, network)
	checkImage(web)
	checkZone()
	check("server: deleted with its networks", func() error {
		for _, server := range []*hcloud.Server{web, other} {
			result, _, err := client.Server.DeleteWithResult(ctx, server)
			if err != nil {
				return err
			}
			if err := client.Action.WaitFor(ctx, result.Action); err != nil {
				return err
			}
		}
		_, err := client.Network.Delete(ctx, network)
		return err
	})
}

func checkServer(server *hcloud.Server, network *hcloud.Network) {
	check := func(what string, work func() error) { report("server: "+what, work()) }
	check("power", func() error {
		for _, act := range []func() (*hcloud.Action, *hcloud.Response, error){
			func() (*hcloud.Action, *hcloud.Response, error) { return client.Server.Reboot(ctx, server) },
			func() (*hcloud.Action, *hcloud.Response, error) { return client.Server.Reset(ctx, server) },
			func() (*hcloud.Action, *hcloud.Response, error) { return client.Server.Shutdown(ctx, server) },
			func() (*hcloud.Action, *hcloud.Response, error) { return client.Server.Poweron(ctx, server) },
			func() (*hcloud.Action, *hcloud.Response, error) { return client.Server.Poweroff(ctx, server) },
		} {
			action, _, err := act()
			if err := waited(action, err); err != nil {
				return err
			}
		}
		found, _, err := client.Server.GetByID(ctx, server.ID)
		if err == nil && found.Status != hcloud.ServerStatusOff {
			return fmt.Errorf("is %s", found.Status)
		}
		return err
	})
	check("change of type", func() error {
		opts := hcloud.ServerChangeTypeOpts{ServerType: &hcloud.ServerType{Name: "cx23"}}
		action, _, err := client.Server.ChangeType(ctx, server, opts)
		if err := waited(action, err); err != nil {
			return err
		}
		_, _, err = client.Server.ChangeType(ctx, server, opts)
		return expect(err, hcloud.ErrorCodeInvalidServerType)
	})
	check("alias addresses and reverse DNS", func() error {
		alias := hcloud.ServerChangeAliasIPsOpts{Network: network, AliasIPs: []net.IP{net.ParseIP("10.0.1.77")}}
		action, _, err := client.Server.ChangeAliasIPs(ctx, server, alias)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.Server.ChangeDNSPtr(ctx, server, server.PublicNet.IPv4.IP.String(), hcloud.Ptr("web.example"))
		if err := waited(action, err); err != nil {
			return err
		}
		found, _, err := client.Server.GetByID(ctx, server.ID)
		if err == nil && (found.PublicNet.IPv4.DNSPtr != "web.example" || len(found.PrivateNet[0].Aliases) != 1) {
			return fmt.Errorf("%+v", found.PublicNet)
		}
		return err
	})
	check("attached twice is refused", func() error {
		_, _, err := client.Server.AttachToNetwork(ctx, server, hcloud.ServerAttachToNetworkOpts{Network: network})
		return expect(err, hcloud.ErrorCodeServerAlreadyAttached)
	})
	check("rebuild, and protection against it", func() error {
		opts := hcloud.ServerRebuildOpts{Image: &hcloud.Image{Name: "debian-12"}}
		protect := func(on bool) error {
			action, _, err := client.Server.ChangeProtection(ctx, server, hcloud.ServerChangeProtectionOpts{Delete: &on, Rebuild: &on})
			return waited(action, err)
		}
		if err := protect(true); err != nil {
			return err
		}
		_, _, err := client.Server.RebuildWithResult(ctx, server, opts)
		if err := expect(err, hcloud.ErrorCodeProtected); err != nil {
			return err
		}
		if err := protect(false); err != nil {
			return err
		}
		result, _, err := client.Server.RebuildWithResult(ctx, server, opts)
		if err != nil {
			return err
		}
		return waited(result.Action, nil)
	})
	check("what a local machine cannot do is refused", func() error {
		_, _, err := client.Server.RequestConsole(ctx, server)
		return expect(err, hcloud.ErrorUnsupportedError)
	})
}

func checkVolume(server, other *hcloud.Server) {
	check := func(what string, work func() error) { report("volume: "+what, work()) }
	var volume *hcloud.Volume
	check("create on a server", func() error {
		made, _, err := client.Volume.Create(ctx, hcloud.VolumeCreateOpts{
			Name: "acts", Size: 10, Server: server, Automount: hcloud.Ptr(true), Format: hcloud.Ptr(hcloud.VolumeFormatExt4),
		})
		if err != nil {
			return err
		}
		volume = made.Volume
		return client.Action.WaitFor(ctx, append(made.NextActions, made.Action)...)
	})
	if volume == nil {
		return
	}
	check("attached elsewhere is refused", func() error {
		_, _, err := client.Volume.Attach(ctx, volume, other)
		return expect(err, hcloud.ErrorCodeVolumeAlreadyAttached)
	})
	check("detach, attach, resize", func() error {
		action, _, err := client.Volume.Detach(ctx, volume)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.Volume.Attach(ctx, volume, other)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.Volume.Resize(ctx, volume, 20)
		if err := waited(action, err); err != nil {
			return err
		}
		found, _, err := client.Volume.GetByID(ctx, volume.ID)
		if err == nil && (found.Size != 20 || found.Server.ID != other.ID || found.Status != hcloud.VolumeStatusAvailable) {
			return fmt.Errorf("%+v", found)
		}
		return err
	})
	check("smaller is refused", func() error {
		_, _, err := client.Volume.Resize(ctx, volume, 10)
		return expect(err, hcloud.ErrorCodeInvalidInput)
	})
	check("deleted after it was detached", func() error {
		if _, err := client.Volume.Delete(ctx, volume); err == nil {
			return fmt.Errorf("it was deleted while it was attached")
		}
		action, _, err := client.Volume.Detach(ctx, volume)
		if err := waited(action, err); err != nil {
			return err
		}
		_, err = client.Volume.Delete(ctx, volume)
		return err
	})
}

func checkFloatingIP(server, other *hcloud.Server) {
	check := func(what string, work func() error) { report("floating_ip: "+what, work()) }
	var ip *hcloud.FloatingIP
	check("create on a server", func() error {
		made, _, err := client.FloatingIP.Create(ctx, hcloud.FloatingIPCreateOpts{Type: hcloud.FloatingIPTypeIPv6, Server: server})
		if err != nil {
			return err
		}
		ip = made.FloatingIP
		return waited(made.Action, nil)
	})
	if ip == nil {
		return
	}
	check("assign, unassign, reverse DNS", func() error {
		action, _, err := client.FloatingIP.Assign(ctx, ip, other)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.FloatingIP.ChangeDNSPtr(ctx, ip, ip.IP.String(), hcloud.Ptr("float.example"))
		if err := waited(action, err); err != nil {
			return err
		}
		found, _, err := client.FloatingIP.GetByID(ctx, ip.ID)
		if err == nil && (found.Server.ID != other.ID || found.DNSPtrForIP(ip.IP) != "float.example") {
			return fmt.Errorf("%+v", found)
		}
		action, _, err = client.FloatingIP.Unassign(ctx, ip)
		return waited(action, err)
	})
	check("delete", func() error { return ignored(client.FloatingIP.Delete(ctx, ip)) })
}

func checkLoadBalancer(server *hcloud.Server, network *hcloud.Network) {
	check := func(what string, work func() error) { report("load_balancer: "+what, work()) }
	var balancer *hcloud.LoadBalancer
	check("create in a network", func() error {
		made, _, err := client.LoadBalancer.Create(ctx, hcloud.LoadBalancerCreateOpts{
			Name: "acts", LoadBalancerType: &hcloud.LoadBalancerType{Name: "lb11"}, NetworkZone: hcloud.NetworkZoneEUCentral, Network: network,
			Services: []hcloud.LoadBalancerCreateOptsService{{Protocol: hcloud.LoadBalancerServiceProtocolHTTP}},
		})
		if err != nil {
			return err
		}
		balancer = made.LoadBalancer
		return waited(made.Action, nil)
	})
	if balancer == nil {
		return
	}
	check("targets", func() error {
		opts := hcloud.LoadBalancerAddServerTargetOpts{Server: server, UsePrivateIP: hcloud.Ptr(true)}
		action, _, err := client.LoadBalancer.AddServerTarget(ctx, balancer, opts)
		if err := waited(action, err); err != nil {
			return err
		}
		_, _, err = client.LoadBalancer.AddServerTarget(ctx, balancer, opts)
		if err := expect(err, hcloud.ErrorCodeTargetAlreadyDefined); err != nil {
			return err
		}
		_, _, err = client.LoadBalancer.AddIPTarget(ctx, balancer, hcloud.LoadBalancerAddIPTargetOpts{IP: server.PublicNet.IPv4.IP})
		if err := expect(err, hcloud.ErrorCodeCloudResourceIPNotAllowed); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.AddLabelSelectorTarget(ctx, balancer, hcloud.LoadBalancerAddLabelSelectorTargetOpts{Selector: "app=web"})
		if err := waited(action, err); err != nil {
			return err
		}
		found, _, err := client.LoadBalancer.GetByID(ctx, balancer.ID)
		if err == nil && (len(found.Targets) != 2 || len(found.Targets[1].Targets) != 1 || found.Targets[0].HealthStatus[0].ListenPort != 80) {
			return fmt.Errorf("%+v", found.Targets)
		}
		action, _, err = client.LoadBalancer.RemoveLabelSelectorTarget(ctx, balancer, "app=web")
		return waited(action, err)
	})
	check("services", func() error {
		tcp := hcloud.LoadBalancerAddServiceOpts{
			Protocol: hcloud.LoadBalancerServiceProtocolTCP, ListenPort: hcloud.Ptr(5432), DestinationPort: hcloud.Ptr(5432), Proxyprotocol: hcloud.Ptr(true),
		}
		action, _, err := client.LoadBalancer.AddService(ctx, balancer, tcp)
		if err := waited(action, err); err != nil {
			return err
		}
		_, _, err = client.LoadBalancer.AddService(ctx, balancer, tcp)
		if err := expect(err, hcloud.ErrorCodeSourcePortAlreadyUsed); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.UpdateService(ctx, balancer, 80, hcloud.LoadBalancerUpdateServiceOpts{
			HTTP: &hcloud.LoadBalancerUpdateServiceOptsHTTP{StickySessions: hcloud.Ptr(true)},
		})
		if err := waited(action, err); err != nil {
			return err
		}
		found, _, err := client.LoadBalancer.GetByID(ctx, balancer.ID)
		if err == nil && (len(found.Services) != 2 || !found.Services[0].HTTP.StickySessions || found.Services[0].HTTP.CookieName != "HCLBSTICKY") {
			return fmt.Errorf("%+v", found.Services)
		}
		action, _, err = client.LoadBalancer.DeleteService(ctx, balancer, 5432)
		return waited(action, err)
	})
	check("algorithm, type, public interface, network", func() error {
		action, _, err := client.LoadBalancer.ChangeAlgorithm(ctx, balancer, hcloud.LoadBalancerChangeAlgorithmOpts{Type: hcloud.LoadBalancerAlgorithmTypeLeastConnections})
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.ChangeType(ctx, balancer, hcloud.LoadBalancerChangeTypeOpts{LoadBalancerType: &hcloud.LoadBalancerType{Name: "lb21"}})
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.DisablePublicInterface(ctx, balancer)
		if err := waited(action, err); err != nil {
			return err
		}
		_, _, err = client.LoadBalancer.AttachToNetwork(ctx, balancer, hcloud.LoadBalancerAttachToNetworkOpts{Network: network})
		if err := expect(err, hcloud.ErrorCodeLoadBalancerAlreadyAttached); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.EnablePublicInterface(ctx, balancer)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.RemoveServerTarget(ctx, balancer, server)
		if err := waited(action, err); err != nil {
			return err
		}
		action, _, err = client.LoadBalancer.DetachFromNetwork(ctx, balancer, hcloud.LoadBalancerDetachFromNetworkOpts{Network: network})
		return waited(action, err)
	})
	check("delete", func() error { return ignored(client.LoadBalancer.Delete(ctx, balancer)) })
}
