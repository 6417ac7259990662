package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// checkImage makes images of a server, servers of images, and asks what the server has done.
func checkImage(server *hcloud.Server) {
	check := func(what string, work func() error) { report("image: "+what, work()) }
	var image *hcloud.Image
	check("of a server", func() error {
		made, _, err := client.Server.CreateImage(ctx, server, &hcloud.ServerCreateImageOpts{
			Type: hcloud.ImageTypeSnapshot, Description: hcloud.Ptr("golden"), Labels: map[string]string{"golden": "yes"},
		})
		if err != nil {
			return err
		}
		if err := client.Action.WaitFor(ctx, made.Action); err != nil {
			return err
		}
		image, _, err = client.Image.GetByID(ctx, made.Image.ID)
		if err != nil {
			return err
		}
		if image.Status != hcloud.ImageStatusAvailable || image.CreatedFrom.ID != server.ID || image.ImageSize == 0 {
			return fmt.Errorf("%+v", image)
		}
		return nil
	})
	if image == nil {
		return
	}
	check("list, update, protection", func() error {
		opts := hcloud.ImageListOpts{Type: []hcloud.ImageType{hcloud.ImageTypeSnapshot}, ListOpts: hcloud.ListOpts{LabelSelector: "golden=yes"}}
		found, _, err := client.Image.List(ctx, opts)
		if err != nil || len(found) != 1 || found[0].ID != image.ID {
			return fmt.Errorf("%d found: %v", len(found), err)
		}
		updated, _, err := client.Image.Update(ctx, image, hcloud.ImageUpdateOpts{Description: hcloud.Ptr("new"), Labels: map[string]string{}})
		if err != nil || updated.Description != "new" || len(updated.Labels) != 0 {
			return fmt.Errorf("%+v %v", updated, err)
		}
		for _, on := range []bool{true, false} {
			action, _, err := client.Image.ChangeProtection(ctx, image, hcloud.ImageChangeProtectionOpts{Delete: &on})
			if err := waited(action, err); err != nil {
				return err
			}
			if !on {
				continue
			}
			_, err = client.Image.Delete(ctx, image)
			if err := expect(err, hcloud.ErrorCodeProtected); err != nil {
				return err
			}
		}
		return nil
	})
	check("a server made from it, and rebuilt", func() error {
		opts := serverOpts("acts-copy")
		opts.Image = image
		opts.ServerType = &hcloud.ServerType{Name: "cx23"}
		made, err := createServer(opts)
		if err != nil {
			return err
		}
		found, _, err := client.Server.GetByID(ctx, made.ID)
		if err != nil || found.Image == nil || found.Image.ID != image.ID {
			return fmt.Errorf("%+v %v", found, err)
		}
		rebuilt, _, err := client.Server.RebuildWithResult(ctx, made, hcloud.ServerRebuildOpts{Image: image})
		if err != nil {
			return err
		}
		if err := client.Action.WaitFor(ctx, rebuilt.Action); err != nil {
			return err
		}
		result, _, err := client.Server.DeleteWithResult(ctx, made)
		if err != nil {
			return err
		}
		return client.Action.WaitFor(ctx, result.Action)
	})
	check("backups", func() error {
		action, _, err := client.Server.EnableBackup(ctx, server, "")
		if err := waited(action, err); err != nil {
			return err
		}
		made, _, err := client.Server.CreateImage(ctx, server, &hcloud.ServerCreateImageOpts{Type: hcloud.ImageTypeBackup})
		if err != nil {
			return err
		}
		if err := client.Action.WaitFor(ctx, made.Action); err != nil {
			return err
		}
		found, _, err := client.Image.List(ctx, hcloud.ImageListOpts{BoundTo: server})
		if err != nil || len(found) != 1 || found[0].BoundTo.ID != server.ID {
			return fmt.Errorf("%d found: %v", len(found), err)
		}
		action, _, err = client.Server.DisableBackup(ctx, server)
		return waited(action, err)
	})
	check("delete", func() error {
		if _, err := client.Image.Delete(ctx, image); err != nil {
			return err
		}
		_, err := client.Image.Delete(ctx, image)
		return expect(err, hcloud.ErrorCodeNotFound)
	})
	report("server: metrics", func() error {
		metrics, _, err := client.Server.GetMetrics(ctx, server, hcloud.ServerGetMetricsOpts{
			Types: []hcloud.ServerMetricType{hcloud.ServerMetricCPU, hcloud.ServerMetricDisk, hcloud.ServerMetricNetwork},
			Start: time.Now().Add(-time.Minute), End: time.Now(), Step: 10,
		})
		if err != nil {
			return err
		}
		if _, ok := metrics.TimeSeries["disk.0.iops.write"]; !ok || len(metrics.TimeSeries) != 9 || metrics.Step != 10 {
			return fmt.Errorf("%+v", metrics)
		}
		return nil
	}())
	for _, refused := range map[string]func() error{
		"request_console": func() error { _, _, err := client.Server.RequestConsole(ctx, server); return err },
		"reset_password":  func() error { _, _, err := client.Server.ResetPassword(ctx, server); return err },
		"enable_rescue": func() error {
			_, _, err := client.Server.EnableRescue(ctx, server, hcloud.ServerEnableRescueOpts{Type: hcloud.ServerRescueTypeLinux64})
			return err
		},
	} {
		report("server: what cannot be done is refused", expect(refused(), hcloud.ErrorUnsupportedError))
	}
}

// checkZone goes through a DNS zone and its record sets.
func checkZone() {
	check := func(what string, work func() error) { report("zone: "+what, work()) }
	var zone *hcloud.Zone
	check("create, get, a second one", func() error {
		opts := hcloud.ZoneCreateOpts{Name: "go.example", Mode: hcloud.ZoneModePrimary, TTL: hcloud.Ptr(600), Labels: map[string]string{"kind": "zone"}}
		made, _, err := client.Zone.Create(ctx, opts)
		if err != nil {
			return err
		}
		if err := client.Action.WaitFor(ctx, made.Action); err != nil {
			return err
		}
		for _, key := range []string{"go.example", fmt.Sprint(made.Zone.ID)} {
			zone, _, err = client.Zone.Get(ctx, key)
			if err != nil || zone == nil || zone.TTL != 600 || zone.Status != hcloud.ZoneStatusOk || len(zone.AuthoritativeNameservers.Assigned) != 3 {
				return fmt.Errorf("%s: %+v %v", key, zone, err)
			}
		}
		_, _, err = client.Zone.Create(ctx, opts)
		return expect(err, hcloud.ErrorCodeUniquenessError)
	})
	if zone == nil {
		return
	}
	check("list, update, TTL, protection", func() error {
		found, _, err := client.Zone.List(ctx, hcloud.ZoneListOpts{Mode: hcloud.ZoneModePrimary, ListOpts: hcloud.ListOpts{LabelSelector: "kind=zone"}})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("%d found: %v", len(found), err)
		}
		updated, _, err := client.Zone.Update(ctx, zone, hcloud.ZoneUpdateOpts{Labels: map[string]string{}})
		if err != nil || len(updated.Labels) != 0 {
			return fmt.Errorf("%+v %v", updated, err)
		}
		action, _, err := client.Zone.ChangeTTL(ctx, zone, hcloud.ZoneChangeTTLOpts{TTL: 700})
		if err := waited(action, err); err != nil {
			return err
		}
		for _, on := range []bool{true, false} {
			action, _, err = client.Zone.ChangeProtection(ctx, zone, hcloud.ZoneChangeProtectionOpts{Delete: &on})
			if err := waited(action, err); err != nil {
				return err
			}
			if on {
				_, _, err = client.Zone.Delete(ctx, zone)
				if err := expect(err, hcloud.ErrorCodeProtected); err != nil {
					return err
				}
			}
		}
		return nil
	})
	check("record sets", func() error {
		records := func(values ...string) (all []hcloud.ZoneRRSetRecord) {
			for _, value := range values {
				all = append(all, hcloud.ZoneRRSetRecord{Value: value})
			}
			return all
		}
		made, _, err := client.Zone.CreateRRSet(ctx, zone, hcloud.ZoneRRSetCreateOpts{
			Name: "www", Type: hcloud.ZoneRRSetTypeA, Records: records("203.0.113.9"), Labels: map[string]string{"a": "b"},
		})
		if err != nil {
			return err
		}
		rrset := made.RRSet
		for _, act := range []func() (*hcloud.Action, *hcloud.Response, error){
			func() (*hcloud.Action, *hcloud.Response, error) { return made.Action, nil, nil },
			func() (*hcloud.Action, *hcloud.Response, error) {
				return client.Zone.AddRRSetRecords(ctx, rrset, hcloud.ZoneRRSetAddRecordsOpts{Records: records("203.0.113.10")})
			},
			func() (*hcloud.Action, *hcloud.Response, error) {
				return client.Zone.UpdateRRSetRecords(ctx, rrset, hcloud.ZoneRRSetUpdateRecordsOpts{Records: []hcloud.ZoneRRSetRecord{{Value: "203.0.113.10", Comment: "second"}}})
			},
			func() (*hcloud.Action, *hcloud.Response, error) {
				return client.Zone.RemoveRRSetRecords(ctx, rrset, hcloud.ZoneRRSetRemoveRecordsOpts{Records: records("203.0.113.9")})
			},
			func() (*hcloud.Action, *hcloud.Response, error) {
				return client.Zone.ChangeRRSetTTL(ctx, rrset, hcloud.ZoneRRSetChangeTTLOpts{TTL: hcloud.Ptr(120)})
			},
			func() (*hcloud.Action, *hcloud.Response, error) {
				return client.Zone.ChangeRRSetProtection(ctx, rrset, hcloud.ZoneRRSetChangeProtectionOpts{Change: hcloud.Ptr(true)})
			},
		} {
			action, _, err := act()
			if err := waited(action, err); err != nil {
				return err
			}
		}
		found, _, err := client.Zone.GetRRSetByID(ctx, zone, "www/A")
		if err != nil || found == nil || *found.TTL != 120 || len(found.Records) != 1 || found.Records[0].Comment != "second" {
			return fmt.Errorf("%+v %v", found, err)
		}
		_, _, err = client.Zone.DeleteRRSet(ctx, rrset)
		if err := expect(err, hcloud.ErrorCodeProtected); err != nil {
			return err
		}
		action, _, err := client.Zone.ChangeRRSetProtection(ctx, rrset, hcloud.ZoneRRSetChangeProtectionOpts{Change: hcloud.Ptr(false)})
		if err := waited(action, err); err != nil {
			return err
		}
		all, err := client.Zone.AllRRSets(ctx, zone)
		if err != nil || len(all) != 3 {
			return fmt.Errorf("%d record sets: %v", len(all), err)
		}
		deleted, _, err := client.Zone.DeleteRRSet(ctx, rrset)
		if err := waited(deleted.Action, err); err != nil {
			return err
		}
		_, _, err = client.Zone.CreateRRSet(ctx, zone, hcloud.ZoneRRSetCreateOpts{Name: "bad", Type: hcloud.ZoneRRSetTypeAAAA, Records: records("203.0.113.9")})
		return expect(err, hcloud.ErrorCodeInvalidInput)
	})
	check("zone file", func() error {
		action, _, err := client.Zone.ImportZonefile(ctx, zone, hcloud.ZoneImportZonefileOpts{Zonefile: "mail 300 IN A " + net.IPv4(203, 0, 113, 4).String()})
		if err := waited(action, err); err != nil {
			return err
		}
		exported, _, err := client.Zone.ExportZonefile(ctx, zone)
		if err == nil && !strings.Contains(exported.Zonefile, "203.0.113.4") {
			return fmt.Errorf("%s", exported.Zonefile)
		}
		return err
	})
	check("secondary ones are refused", func() error {
		_, _, err := client.Zone.Create(ctx, hcloud.ZoneCreateOpts{
			Name: "second.example", Mode: hcloud.ZoneModeSecondary, PrimaryNameservers: []hcloud.ZoneCreateOptsPrimaryNameserver{{Address: "203.0.113.1"}},
		})
		return expect(err, hcloud.ErrorUnsupportedError)
	})
	check("delete", func() error {
		deleted, _, err := client.Zone.Delete(ctx, zone)
		if err := waited(deleted.Action, err); err != nil {
			return err
		}
		found, _, err := client.Zone.Get(ctx, "go.example")
		if found != nil {
			return fmt.Errorf("still there")
		}
		return err
	})
}
