package layout_test

import (
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/internal/layout"
)

func TestPlacesAreAbsoluteAndApart(t *testing.T) {
	for _, p := range []string{layout.ProviderFile(), layout.StateFile(), layout.HoldFile(), layout.ControlSocket()} {
		if !filepath.IsAbs(p) {
			t.Errorf("%s depends on the working directory", p)
		}
	}
	// The state is written at run time and must not end up in an image with the config.
	if filepath.Dir(layout.ProviderFile()) == filepath.Dir(layout.StateFile()) {
		t.Errorf("config and state share %s", filepath.Dir(layout.StateFile()))
	}
}
