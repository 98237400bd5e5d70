package standalone_test

import (
	"testing"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/providertest"
	"github.com/workerkit/workerkit/providers/standalone"
)

func TestStandalone(t *testing.T) {
	values := map[string]any{
		"rootURL": "https://tc.example.com/", "clientID": "me/laptop", "accessToken": "a-very-secret-token",
		"workerPoolID": "proj/linux", "workerGroup": "home", "workerID": "laptop",
		"workerLocation": map[string]string{"room": "3"},
	}
	providertest.Run(t, providertest.Case{
		Kind:   standalone.Kind(),
		Values: values,
		Want: providers.Identity{
			RootURL: "https://tc.example.com", ProviderID: "standalone", WorkerPoolID: "proj/linux",
			WorkerGroup: "home", WorkerID: "laptop", Location: map[string]string{"cloud": "standalone", "room": "3"},
		},
	})
	own := standalone.Kind().New(providers.NewValues(values), providers.Deps{}).(providers.Credentialed)
	if id, token := own.Credentials(); id != "me/laptop" || token != "a-very-secret-token" {
		t.Errorf("credentials of %s", id)
	}
}
