// Command conformance goes through a Hetzner Cloud with the official client, and prints a line of JSON a check:
// {"check":"volume: delete","error":""}. HCLOUD_ENDPOINT and HCLOUD_TOKEN say where. It ends with 0 whatever it finds.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

var out = json.NewEncoder(os.Stdout)

func report(check string, err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	_ = out.Encode(map[string]string{"check": check, "error": said})
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "rate-limit" {
		checkRateLimit()
		return
	}
	for _, each := range kinds() {
		checkKind(each)
	}
	checkActs()
}

// checkKind goes through what all resources have in common.
func checkKind(k kind) {
	prefix := "go-" + k.name[:2] + "-"
	ids := map[string]int64{}
	check := func(what string, work func() error) { report(k.name+": "+what, work()) }

	check("create", func() error {
		for _, name := range []string{"b", "c", "a"} {
			id, err := k.create(prefix+name, map[string]string{"kind": k.name, "one": name})
			if err != nil {
				return err
			}
			if id <= 1<<31 {
				return fmt.Errorf("id %d is not above 2^31", id)
			}
			ids[name] = id
		}
		return nil
	})
	check("a second one of that name is refused", func() error {
		_, err := k.create(prefix+"a", nil)
		return expect(err, hcloud.ErrorCodeUniquenessError)
	})
	check("a bad label is refused", func() error {
		_, err := k.create(prefix+"bad", map[string]string{"not a key": "x"})
		return expect(err, hcloud.ErrorCodeInvalidInput)
	})
	check("get by id and by name", func() error {
		for _, key := range []string{strconv.FormatInt(ids["a"], 10), prefix + "a"} {
			found, err := k.get(key)
			if err != nil || found == nil || found.id != ids["a"] || found.labels["one"] != "a" {
				return fmt.Errorf("%s: %+v %v", key, found, err)
			}
		}
		found, err := k.get("4711")
		if found != nil {
			return fmt.Errorf("there is one with the id 4711: %+v", found)
		}
		return err
	})
	check("list by name, labels, in order and in pages", func() error {
		all := hcloud.ListOpts{LabelSelector: "kind=" + k.name}
		for _, wanted := range []struct {
			opts  hcloud.ListOpts
			name  string
			sort  []string
			names string
			pages int
		}{
			{all, "", []string{"name:desc"}, "cba", 1},
			{all, "", []string{"id"}, "bca", 1},
			{all, prefix + "b", nil, "b", 1},
			{hcloud.ListOpts{LabelSelector: "kind=" + k.name + ",one!=a"}, "", []string{"name"}, "bc", 1},
			{hcloud.ListOpts{LabelSelector: "one in (a, b),kind"}, "", []string{"name"}, "ab", 1},
			{hcloud.ListOpts{LabelSelector: "kind=" + k.name, PerPage: 2, Page: 2}, "", []string{"name"}, "c", 2},
		} {
			found, response, err := k.list(wanted.opts, wanted.name, wanted.sort)
			if err != nil {
				return err
			}
			names := ""
			for _, each := range found {
				if each.labels["kind"] == k.name {
					names += each.labels["one"]
				}
			}
			if names != wanted.names || response.Meta.Pagination.LastPage != wanted.pages {
				return fmt.Errorf("%+v: %s on %d pages", wanted, names, response.Meta.Pagination.LastPage)
			}
		}
		_, _, err := k.list(all, "", []string{"colour"})
		return expect(err, hcloud.ErrorCodeInvalidInput)
	})
	check("update", func() error {
		found, err := k.rename(ids["a"], prefix+"new", map[string]string{"kind": k.name})
		if err != nil || found.name != prefix+"new" || len(found.labels) != 1 {
			return fmt.Errorf("%+v %v", found, err)
		}
		_, err = k.rename(ids["a"], prefix+"b", map[string]string{})
		return expect(err, hcloud.ErrorCodeUniquenessError)
	})
	if k.protect != nil {
		check("protection", func() error {
			if err := k.protect(ids["a"], true); err != nil {
				return err
			}
			if err := expect(k.remove(ids["a"]), hcloud.ErrorCodeProtected); err != nil {
				return err
			}
			return k.protect(ids["a"], false)
		})
	}
	check("delete", func() error {
		for _, id := range ids {
			if err := k.remove(id); err != nil {
				return err
			}
		}
		if err := expect(k.remove(ids["a"]), hcloud.ErrorCodeNotFound); err != nil {
			return err
		}
		found, _, err := k.list(hcloud.ListOpts{LabelSelector: "kind=" + k.name}, "", nil)
		if len(found) > 0 {
			return fmt.Errorf("still there: %+v", found)
		}
		return err
	})
}

func newCertificate(name string) (certificate, key string) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, _ := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	secret, _ := x509.MarshalPKCS8PrivateKey(private)
	encode := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", secret)
}
