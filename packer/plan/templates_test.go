package plan_test

import (
	"reflect"
	"testing"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/plan"
)

// TestTheSampleHasAll: what the sample lacks can change in the templates without a new hash.
func TestTheSampleHasAll(t *testing.T) {
	for _, target := range packer.Targets() {
		image := plan.Sample("debian-12", "amd64", target)
		for name, value := range map[string]any{"image": image, "publish": image.Publish[target]} {
			v := reflect.ValueOf(value)
			for field, member := range v.Fields() {
				if member.IsZero() && field.Name != "From" {
					t.Errorf("%s: %s has no %s", target, name, field.Name)
				}
			}
		}
	}
}
