package pools_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/workerkit/workerkit/packer/pools"
)

func TestDiffShowsTheChangeAlone(t *testing.T) {
	change, err := pools.Make(definition(t, aws("us-east-1", "ami-e1", `"launchConfigId":"a"`), aws("us-west-2", "ami-other", `"launchConfigId":"b"`)), images(), pools.Options{Beside: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	want := `--- proj/linux now
+++ proj/linux new
@@ -10,9 +10,22 @@
         "region": "us-east-1",
         "workerConfig": …,
         "workerManager": {
+          "initialWeight": 0.75,
           "launchConfigId": "a"
         }
       },
+      {
+        "launchConfig": {
+          "ImageId": "ami-e2",
+          "InstanceType": …,
+          "UserData": …
+        },
+        "region": "us-east-1",
+        "workerConfig": …,
+        "workerManager": {
+          "initialWeight": 0.25
+        }
+      },
       {
         "launchConfig": {
           "ImageId": "ami-other",
`
	if diff := cmp.Diff(want, change.Diff()); diff != "" {
		t.Errorf("%s\n%s", diff, change.Diff())
	}
}

// TestDiffHidesSecrets: of all values it shows those of which it is known what they are.
func TestDiffHidesSecrets(t *testing.T) {
	all := []string{aws("us-east-1", "ami-e1", `"launchConfigId":"a"`), gcp("projects/q/global/images/linux-v1"), azure(`{"id":"` + gallery + `1.0.0"}`), arm("imageId", gallery+"1.0.0"), arm("other", gallery+"1.0.0")}
	for _, o := range []pools.Options{{}, {Beside: 0.5}} {
		change, err := pools.Make(definition(t, all...), images(), o)
		if err != nil {
			t.Fatal(err)
		}
		shown := change.Diff()
		if strings.Contains(shown, sentinel) || strings.ContainsAny(shown, "\x00\x01") {
			t.Errorf("%q", shown)
		}
		for _, image := range []string{`+          "ImageId": "ami-e2"`, `linux-v2"`, `+            "id": "` + gallery + `2.0.0"`, `"value": "` + gallery + `2.0.0"`} {
			if !strings.Contains(shown, image) {
				t.Errorf("no %s in\n%s", image, shown)
			}
		}
	}
}

// TestDiffShowsThatHiddenValuesDiffer: a rollback may change any value.
func TestDiffShowsThatHiddenValuesDiffer(t *testing.T) {
	now := definition(t, aws("us-east-1", "ami-e1", ""))
	kept := definition(t, strings.Replace(aws("us-east-1", "ami-e1", ""), `"n":1.50`, `"n":1.5`, 1))
	shown := pools.Back(now, kept).Diff()
	if !strings.Contains(shown, `-        "workerConfig": …`) || !strings.Contains(shown, `+        "workerConfig": …`) || strings.Contains(shown, sentinel) {
		t.Error(shown)
	}
	if same := pools.Back(now, now); same.Diff() != "" || !same.Empty() {
		t.Error(same.Diff())
	}
}
