package cloudstest

import (
	"reflect"
	"testing"

	"github.com/workerkit/workerkit/packer/clouds"
)

// linked checks that a program with the cloud has no more of its SDK than is called: what is in
// an interface brings all methods of its type, and of the types of its fields.
func linked(t *testing.T, cloud clouds.Cloud) {
	const most = 250 // a client of an SDK alone has more
	seen := map[reflect.Type]bool{}
	methods := 0
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		if seen[of] {
			return
		}
		seen[of] = true
		methods += of.NumMethod()
		switch of.Kind() {
		case reflect.Struct:
			look(reflect.PointerTo(of))
			for field := range of.Fields() {
				look(field.Type)
			}
		case reflect.Func:
			for in := range of.Ins() {
				look(in)
			}
			for out := range of.Outs() {
				look(out)
			}
		case reflect.Map:
			look(of.Key())
			look(of.Elem())
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
			look(of.Elem())
		default:
		}
	}
	if look(reflect.TypeOf(cloud)); methods > most {
		t.Errorf("%T brings %d methods into a program: see clouds.OfFunctions", cloud, methods)
	}
}
