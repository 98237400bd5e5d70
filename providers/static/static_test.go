package static_test

import (
	"maps"
	"testing"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/providertest"
	"github.com/workerkit/workerkit/providers/static"
)

const secret = "abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRST_-"

func values(more map[string]any) map[string]any {
	v := map[string]any{
		"rootURL": "https://tc.example.com", "providerID": "lab", "workerPoolID": "proj/linux",
		"workerGroup": "rack-1", "workerID": "host-7", "staticSecret": secret,
	}
	maps.Copy(v, more)
	return v
}

func TestStatic(t *testing.T) {
	providertest.Run(t, providertest.Case{
		Kind:   static.Kind(),
		Values: values(nil),
		Want: providers.Identity{
			RootURL: "https://tc.example.com", ProviderID: "lab", WorkerPoolID: "proj/linux",
			WorkerGroup: "rack-1", WorkerID: "host-7", Location: map[string]string{"cloud": "static"},
		},
		Proof: `{"staticSecret":"` + secret + `"}`,
	})
}

func TestLocationAndMetadataAreTheOwners(t *testing.T) {
	providertest.Run(t, providertest.Case{
		Kind: static.Kind(),
		Values: values(map[string]any{
			"rootURL":          "http://127.0.0.1:8080//",
			"workerLocation":   map[string]string{"cloud": "basement", "room": "3"},
			"providerMetadata": map[string]any{"public-ipv4": "192.0.2.7"},
		}),
		Want: providers.Identity{
			RootURL: "http://127.0.0.1:8080", ProviderID: "lab", WorkerPoolID: "proj/linux",
			WorkerGroup: "rack-1", WorkerID: "host-7",
			Location: map[string]string{"cloud": "basement", "room": "3"},
			Metadata: map[string]any{"public-ipv4": "192.0.2.7"},
		},
		Proof: `{"staticSecret":"` + secret + `"}`,
	})
}
