package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
	"golang.org/x/crypto/ssh"
)

// entry is what every resource has.
type entry struct {
	id     int64
	name   string
	labels map[string]string
}

// kind is a resource type, as far as all of them are alike.
type kind struct {
	name   string
	create func(name string, labels map[string]string) (int64, error)
	// list asks for one page.
	list   func(opts hcloud.ListOpts, name string, sort []string) ([]entry, *hcloud.Response, error)
	get    func(idOrName string) (*entry, error)
	rename func(id int64, name string, labels map[string]string) (*entry, error)
	// protect is nil where there is no protection.
	protect func(id int64, on bool) error
	remove  func(id int64) error
}

func kindOf[T any](
	name string,
	read func(*T) entry,
	create func(string, map[string]string) (int64, error),
	list func(hcloud.ListOpts, string, []string) ([]*T, *hcloud.Response, error),
	get func(string) (*T, *hcloud.Response, error),
	rename func(int64, string, map[string]string) (*T, *hcloud.Response, error),
	protect func(int64, bool) (*hcloud.Action, *hcloud.Response, error),
	remove func(int64) error,
) kind {
	one := func(found *T, _ *hcloud.Response, err error) (*entry, error) {
		if found == nil || err != nil {
			return nil, err
		}
		read := read(found)
		return &read, nil
	}
	made := kind{name: name, create: create, remove: remove}
	made.list = func(opts hcloud.ListOpts, name string, sort []string) ([]entry, *hcloud.Response, error) {
		all, response, err := list(opts, name, sort)
		entries := []entry{}
		for _, each := range all {
			entries = append(entries, read(each))
		}
		return entries, response, err
	}
	made.get = func(idOrName string) (*entry, error) { return one(get(idOrName)) }
	made.rename = func(id int64, name string, labels map[string]string) (*entry, error) {
		return one(rename(id, name, labels))
	}
	if protect != nil {
		made.protect = func(id int64, on bool) error {
			action, _, err := protect(id, on)
			return waited(action, err)
		}
	}
	return made
}

var (
	ctx    = context.Background()
	client = hcloud.NewClient(
		hcloud.WithEndpoint(os.Getenv("HCLOUD_ENDPOINT")),
		hcloud.WithToken(os.Getenv("HCLOUD_TOKEN")),
		hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: hcloud.ConstantBackoff(20_000_000)}),
	)
	falkenstein = &hcloud.Location{Name: "fsn1"}
)

// waited waits for an action that was just started.
func waited(action *hcloud.Action, err error) error {
	if err != nil || action == nil {
		return err
	}
	return client.Action.WaitFor(ctx, action)
}

func ignored(_ *hcloud.Response, err error) error { return err }

func serverOpts(name string) hcloud.ServerCreateOpts {
	return hcloud.ServerCreateOpts{
		Name:       name,
		ServerType: &hcloud.ServerType{Name: "local-512"},
		Image:      &hcloud.Image{Name: "debian-12"},
		Location:   falkenstein,
	}
}

func createServer(opts hcloud.ServerCreateOpts) (*hcloud.Server, error) {
	made, _, err := client.Server.Create(ctx, opts)
	if err != nil {
		return nil, err
	}
	return made.Server, client.Action.WaitFor(ctx, append(made.NextActions, made.Action)...)
}

func newPublicKey() string {
	public, _, _ := ed25519.GenerateKey(rand.Reader)
	key, _ := ssh.NewPublicKey(public)
	return string(ssh.MarshalAuthorizedKey(key))
}

// expect fails when an error is not of the wanted code; an empty code wants none.
func expect(err error, code hcloud.ErrorCode) error {
	if code == "" || hcloud.IsError(err, code) {
		if code == "" && err != nil {
			return err
		}
		return nil
	}
	return fmt.Errorf("want the error %s, got: %v", code, err)
}
