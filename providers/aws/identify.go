package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/providers"
)

// grace is how much longer than the rest a read may take that the start can do without.
const grace = 2 * time.Second

// userData is what worker-manager tells the instances that it launches.
type userData struct {
	RootURL      string `json:"rootUrl"`
	WorkerPoolID string `json:"workerPoolId"`
	ProviderID   string `json:"providerId"`
	WorkerGroup  string `json:"workerGroup"`
}

// document is what counts of an instance identity document.
type document struct {
	InstanceID       string `json:"instanceId"`
	ImageID          string `json:"imageId"`
	InstanceType     string `json:"instanceType"`
	Region           string `json:"region"`
	AvailabilityZone string `json:"availabilityZone"`
	PrivateIP        string `json:"privateIp"`
}

// facts are what the service says of the instance.
type facts struct {
	user     userData
	document document
	hostname string
	address  string
	leaving  []providers.Notice
}

// Identify implements providers.Provider. All reads run at once. Those that the start can do
// without may be missing, and may fail: a public address, and whether EC2 has announced already
// that it takes the instance back, which Watch says again.
func (p *Provider) Identify(ctx context.Context) (providers.Identity, error) {
	f, err := p.facts(ctx)
	if len(f.leaving) > 0 {
		n := f.leaving[0]
		return providers.Identity{}, fmt.Errorf("aws: %w: %s at %s", providers.ErrLeaving, n.Reason, n.Deadline.Format(time.RFC3339))
	}
	if err != nil {
		return providers.Identity{}, fmt.Errorf("aws: %w", err)
	}
	return f.identity(), nil
}

// errLate ends the reads that the start does not wait for any longer.
var errLate = errors.New("the start does not wait for it any longer")

// facts reads them. They are complete only when there is no error.
func (p *Provider) facts(ctx context.Context) (*facts, error) {
	f := &facts{}
	g, ctx := errgroup.WithContext(ctx)
	var needed sync.WaitGroup
	need := func(read func() error) {
		needed.Add(1)
		g.Go(func() error {
			defer needed.Done()
			return read()
		})
	}
	need(func() (err error) { f.user, err = p.userData(ctx); return err })
	need(func() (err error) { f.document, err = p.document(ctx); return err })

	extra, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	want := func(what string, read func() error) {
		g.Go(func() error { return p.spare(extra, what, read()) })
	}
	want("public-hostname", func() (err error) { f.hostname, err = p.maybe(extra, "public-hostname"); return err })
	want("public-ipv4", func() (err error) { f.address, err = p.maybe(extra, "public-ipv4"); return err })
	want("spot", func() (err error) { f.leaving, err = p.spot(extra); return err })

	needed.Wait()
	late := time.AfterFunc(grace, func() { cancel(errLate) })
	defer late.Stop()
	err := g.Wait()
	return f, err
}

// spare is the error of a read that the start can do without: none, but that without a token
// there is nothing at all to read.
func (p *Provider) spare(ctx context.Context, what string, err error) error {
	if errors.Is(err, errNoToken) {
		return err
	}
	if err != nil && (ctx.Err() == nil || errors.Is(err, errLate)) {
		p.log.WarnContext(ctx, "the start goes on without a part of EC2's metadata", "part", what, "error", err)
	}
	return nil
}

// userData reads what worker-manager has told the instance.
func (p *Provider) userData(ctx context.Context) (userData, error) {
	data, err := p.client.get(ctx, userDataPath)
	if err != nil && !absent(err) {
		return userData{}, err
	}
	return decodeUserData(data)
}

// document reads the identity document.
func (p *Provider) document(ctx context.Context) (document, error) {
	data, err := p.client.get(ctx, documentPath)
	if err != nil {
		return document{}, err
	}
	return decodeDocument(data)
}

// badUserData is an error that repeats nothing of the user data, which may be secret.
func badUserData(what string, args ...any) error {
	return fmt.Errorf("the instance's user data "+what+": it must be the JSON object with rootUrl, workerPoolId, providerId and workerGroup "+
		"that worker-manager gives to the instances which it launches; was this one launched by it?", args...)
}

func decodeUserData(data []byte) (userData, error) {
	var u userData
	if len(data) == 0 {
		return u, badUserData("is missing")
	}
	if err := json.Unmarshal(data, &u); err != nil { // its text may show a part
		return u, badUserData("is no such JSON")
	}
	u.RootURL = providers.TrimRootURL(u.RootURL)
	for _, f := range []struct {
		name, text string
		check      func(string) error
	}{
		{"rootUrl", u.RootURL, providers.CheckRootURL},
		{"workerPoolId", u.WorkerPoolID, providers.CheckPool},
		{"providerId", u.ProviderID, providers.CheckIdentifier},
		{"workerGroup", u.WorkerGroup, providers.CheckIdentifier},
	} {
		if f.text == "" {
			return u, badUserData("has no %s", f.name)
		}
		if f.check(f.text) != nil {
			return u, badUserData("has a %s that cannot be one", f.name)
		}
	}
	return u, nil
}

func decodeDocument(data []byte) (document, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("decode the instance identity document: %w", err)
	}
	if !strings.HasPrefix(d.InstanceID, "i-") || d.Region == "" || providers.CheckIdentifier(d.InstanceID) != nil {
		return d, errors.New("the instance identity document names no EC2 instance")
	}
	return d, nil
}

// identity puts the facts together. Metadata has only the keys of what the instance has.
func (f *facts) identity() providers.Identity {
	d := f.document
	known := map[string]any{}
	for key, text := range map[string]string{
		"instance-id": d.InstanceID, "image": d.ImageID, "instance-type": d.InstanceType,
		"region": d.Region, "availability-zone": d.AvailabilityZone, "local-ipv4": d.PrivateIP,
		"public-hostname": f.hostname, "public-ipv4": f.address,
	} {
		if text != "" {
			known[key] = text
		}
	}
	return providers.Identity{
		RootURL: f.user.RootURL, ProviderID: f.user.ProviderID, WorkerPoolID: f.user.WorkerPoolID,
		WorkerGroup: f.user.WorkerGroup, WorkerID: d.InstanceID, InstanceID: d.InstanceID,
		Location: map[string]string{"cloud": "aws", "region": d.Region, "availabilityZone": d.AvailabilityZone},
		Metadata: known,
	}
}
