package packer_test

import (
	"testing"

	"github.com/workerkit/workerkit/packer"
)

func TestPublicURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.com/a?":                  "https://example.com/a?",
		"https://u:p@example.com/a":               "https://example.com/a",
		"https://example.com/a?X-Signature=s#top": "https://example.com/a",
		"https://u:p@example.com:port/a%zz":       "a URL that cannot be read",
		"disks/a.qcow2":                           "disks/a.qcow2",
		"disks/100%zz?.qcow2":                     "disks/100%zz?.qcow2",
		"":                                        "",
	} {
		if got := packer.PublicURL(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
