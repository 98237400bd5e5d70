package tc

import (
	"context"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// PurgeRequest asks for a pool's caches of a name to be deleted that were made before a time.
type PurgeRequest struct {
	CacheName string    `json:"cacheName"`
	Before    time.Time `json:"before"`
}

// PurgeRequests returns the requests for a worker pool that were made since a time; zero is all
// that the service still has.
func (c *Client) PurgeRequests(ctx context.Context, source Source, pool string, since time.Time) ([]PurgeRequest, error) {
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", tcclient.Time(since).String())
	}
	var reply struct {
		Requests []PurgeRequest `json:"requests"`
	}
	err := c.call(ctx, "purgeCache.purgeRequests", "purge-cache", source, func(c tcclient.Client) error {
		_, _, err := c.APICall(nil, "GET", "/purge-cache/"+url.PathEscape(pool), &reply, query)
		return err
	})
	return reply.Requests, err
}
