package version

import "testing"

// TestWhatAReleaseSets: the linker sets the version and the commit in one.
func TestWhatAReleaseSets(t *testing.T) {
	before := version
	t.Cleanup(func() { version = before })
	version = "1.2.3-rc.1+0123abcd"
	if String() != "1.2.3-rc.1" || Revision() != "0123abcd" {
		t.Errorf("got %q of %q", String(), Revision())
	}
	version = "1.2.3"
	if String() != "1.2.3" || Revision() == "1.2.3" {
		t.Errorf("got %q of %q", String(), Revision())
	}
}
