package define_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/workerkit/workerkit/packer/define"
)

// BenchmarkLoad reads and resolves 100 images with 4 targets each: 50 files that extend one, with
// two architectures.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	shared, err := os.ReadFile("../../images/linux.hcl")
	if err != nil {
		b.Fatal(err)
	}
	image, err := os.ReadFile("../../images/debian-12.hcl")
	if err != nil {
		b.Fatal(err)
	}
	files := map[string][]byte{"linux.hcl": shared}
	for n := range 50 {
		name := fmt.Sprintf("image-%d", n)
		files[name+".hcl"] = []byte(fmt.Sprintf("image %q {%s", name, image[len(`image "debian-12-worker" {`):]))
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		images, err := define.Load(dir, define.Options{})
		if err != nil || len(images) != 100 || len(images[0].Targets) != 4 {
			b.Fatalf("%d images: %v", len(images), err)
		}
	}
}
