package proof

import (
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/local/clouds/gce"
)

// TestPoolsAndNotices: what the boots tell the emulated clouds, they understand. The boots
// themselves take minutes and are not part of `make test`.
func TestPoolsAndNotices(t *testing.T) {
	emulated := map[string]clouds.Cloud{"ec2": ec2.New(rand.Reader), "gce": gce.New(rand.Reader), "azure": azure.New(rand.Reader)}
	for _, b := range boots() {
		config, err := json.Marshal(b.config())
		if err != nil {
			t.Fatal(err)
		}
		cloud := emulated[b.provider]
		if cloud == nil {
			if b.provider != "static" {
				t.Errorf("%s: there is no provider %s", b.name, b.provider)
			}
			continue
		}
		if err := cloud.ValidateConfig(config); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
		machine, err := cloud.Launch(clouds.Order{RootURL: rootURL, ProviderID: b.provider, WorkerPoolID: b.pool(), Config: config})
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		service, err := cloud.Serve(machine.Record, clouds.Settings{Clock: time.Now})
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		if err := service.Notify(b.notice); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
	}
}
