package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// checkRateLimit asks once, with a client that waits and tries again as it does by default.
func checkRateLimit() {
	patient := hcloud.NewClient(hcloud.WithEndpoint(os.Getenv("HCLOUD_ENDPOINT")), hcloud.WithToken(os.Getenv("HCLOUD_TOKEN")))
	_, response, err := patient.Location.List(ctx, hcloud.LocationListOpts{})
	if err == nil {
		limit := response.Meta.Ratelimit
		if limit.Limit != 3600 || limit.Remaining < 0 || limit.Remaining >= 3600 || !limit.Reset.After(time.Now()) {
			err = fmt.Errorf("the client reads the rate limit as %+v", limit)
		}
	}
	report("rate limit: the client comes through", err)
}
