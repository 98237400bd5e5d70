package main

import (
	"crypto/rand"
	"encoding/binary"
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

func TestChosen(t *testing.T) {
	for given, want := range map[string]int{"none": 0, "ec2": 1, "ec2,static": 2} {
		if got, err := (options{boots: given}).chosen(); err != nil || len(got) != want {
			t.Errorf("--boots %s: %d boots, %v; want %d", given, len(got), err, want)
		}
	}
	if _, err := (options{boots: "ec3"}).chosen(); err == nil {
		t.Error("a boot that is not there is no error")
	}
}

func TestBootSector(t *testing.T) {
	code := make([]byte, 512)
	for i := range code {
		code[i] = 0xEE
	}
	got := bootSector(code)
	if len(got) != sector || got[439] != 0xEE || got[440] == 0xEE || got[510] != 0x55 || got[511] != 0xAA {
		t.Errorf("the sector is % x", got)
	}
	if start := binary.LittleEndian.Uint32(got[446+8:]); start != partStart {
		t.Errorf("the partition begins at %d", start)
	}
	if end := int64(partStart) + int64(binary.LittleEndian.Uint32(got[446+12:])); end*sector != 6<<30 {
		t.Errorf("the partition ends at %d", end)
	}
}
