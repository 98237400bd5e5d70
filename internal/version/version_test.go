package version_test

import (
	"regexp"
	"testing"

	"github.com/workerkit/workerkit/internal/version"
)

func TestStringIsASemanticVersion(t *testing.T) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(version.String()) {
		t.Errorf("%q is no semantic version; --short-version prints it bare", version.String())
	}
}
