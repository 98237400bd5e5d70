package clouds

import (
	"context"

	"github.com/workerkit/workerkit/packer"
)

// OfFunctions makes a Cloud of its methods. In a program with reflection (text/template is enough)
// the linker keeps all methods of a type that gets into an interface, and of its fields. A cloud's
// SDK that is in the functions alone is linked only as far as it is used: that is 20 MB.
func OfFunctions(
	newest func(context.Context, packer.Base, string) (Found, error),
	images func(context.Context) ([]Image, error),
	uses func(context.Context, Image) ([]string, error),
	deletion func(context.Context, Image) error,
	leftovers func(context.Context) ([]Resource, error),
	remove func(context.Context, Resource) error,
) Cloud {
	return functions{newest, images, uses, deletion, leftovers, remove}
}

type functions struct {
	newest    func(context.Context, packer.Base, string) (Found, error)
	images    func(context.Context) ([]Image, error)
	uses      func(context.Context, Image) ([]string, error)
	deletion  func(context.Context, Image) error
	leftovers func(context.Context) ([]Resource, error)
	remove    func(context.Context, Resource) error
}

// Newest implements Resolver.
func (f functions) Newest(ctx context.Context, base packer.Base, arch string) (Found, error) {
	return f.newest(ctx, base, arch)
}

// Images implements Images.
func (f functions) Images(ctx context.Context) ([]Image, error) { return f.images(ctx) }

// Uses implements Images.
func (f functions) Uses(ctx context.Context, image Image) ([]string, error) {
	return f.uses(ctx, image)
}

// Delete implements Images.
func (f functions) Delete(ctx context.Context, image Image) error { return f.deletion(ctx, image) }

// Leftovers implements Leftovers.
func (f functions) Leftovers(ctx context.Context) ([]Resource, error) { return f.leftovers(ctx) }

// Remove implements Leftovers.
func (f functions) Remove(ctx context.Context, r Resource) error { return f.remove(ctx, r) }
