package pools_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/packer"
	"github.com/workerkit/workerkit/packer/ledger"
	"github.com/workerkit/workerkit/packer/pools"
	"github.com/workerkit/workerkit/packer/record"
)

const sentinel = "a-secret-that-nobody-may-see"

const gallery = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/linux/versions/"

// images are those of "linux": v1 and v2 in all clouds, v2 is to be used.
func images() pools.Images {
	l := &ledger.Ledger{}
	for n, version := range []string{"v1", "v2"} {
		add := func(target packer.Target, artifacts ...record.Artifact) {
			l.Builds = append(l.Builds, ledger.Build{Image: "linux", Version: version, Target: target, Artifacts: artifacts})
		}
		add(packer.AWS, record.Artifact{Region: "us-east-1", ID: fmt.Sprint("ami-e", n+1)}, record.Artifact{Region: "us-west-2", ID: fmt.Sprint("ami-w", n+1)})
		add(packer.GCP, record.Artifact{ID: "linux-" + version})
		add(packer.Azure, record.Artifact{ID: fmt.Sprint(gallery, n+1, ".0.0")})
	}
	return pools.Images{Name: "linux", Version: "v2", Project: "ours", Ledger: l}
}

// definition is a pool with these launch configs.
func definition(t testing.TB, launches ...string) pools.Definition {
	t.Helper()
	d, err := pools.Decode([]byte(`{"workerPoolId":"proj/linux","providerId":"p","description":"<d>","owner":"o@example.com","emailOnError":false,
		"created":"2026-01-01T00:00:00.000Z","lastModified":"2026-01-02T00:00:00.000Z","currentCapacity":3,
		"config":{"maxCapacity":12345678901234567890,"scalingRatio":0.50,"unknown":{"a":[1.0,null]},"launchConfigs":[` + strings.Join(launches, ",") + `]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func aws(region, image, manager string) string {
	return fmt.Sprintf(`{"region":%q,"launchConfig":{"ImageId":%q,"InstanceType":"m5.large","UserData":%q},"workerConfig":{"n":1.50,"token":%q},"workerManager":{%s}}`,
		region, image, sentinel, sentinel, manager)
}

func gcp(image string) string {
	return fmt.Sprintf(`{"zone":"us-central1-a","region":"us-central1","disks":[{"initializeParams":{"sourceImage":"projects/x/global/images/data"}},{"boot":true,"initializeParams":{"sourceImage":%q,"diskSizeGb":30}}],"workerConfig":{"token":%q}}`, image, sentinel)
}

func azure(image string) string {
	return fmt.Sprintf(`{"location":"East US","storageProfile":{"imageReference":%s,"osDisk":{}},"workerConfig":{"token":%q}}`, image, sentinel)
}

func arm(name, image string) string {
	return fmt.Sprintf(`{"armDeployment":{"mode":"Incremental","parameters":{"location":{"value":"eastus"},%q:{"value":%q},"password":{"value":%q}}},"workerConfig":{}}`, name, image, sentinel)
}

// launches are the launch configs of a definition, as they were written above.
func launches(t testing.TB, d pools.Definition) []string {
	t.Helper()
	var got struct {
		Config struct {
			LaunchConfigs []json.RawMessage `json:"launchConfigs"`
		} `json:"config"`
	}
	data, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range got.Config.LaunchConfigs {
		all = append(all, string(l))
	}
	return all
}

// sorted writes JSON with its members sorted, and its numbers as they are.
func sorted(t testing.TB, all ...string) []string {
	t.Helper()
	return launches(t, definition(t, all...))
}

func TestMake(t *testing.T) {
	plain := func(s string) string { return strings.Replace(s, `,"workerManager":{}`, "", 1) }
	for name, c := range map[string]struct {
		options pools.Options
		before  []string
		after   []string
	}{
		"another image keeps its place, and the id goes": {
			pools.Options{},
			[]string{aws("us-east-1", "ami-e1", `"launchConfigId":"a"`), aws("us-east-1", "ami-other", `"launchConfigId":"b"`), aws("us-west-2", "ami-w1", `"launchConfigId":"c","maxCapacity":7`)},
			[]string{plain(aws("us-east-1", "ami-e2", "")), aws("us-east-1", "ami-other", `"launchConfigId":"b"`), aws("us-west-2", "ami-w2", `"maxCapacity":7`)},
		},
		"what is new already keeps its id": {
			pools.Options{}, []string{aws("us-east-1", "ami-e2", `"launchConfigId":"a"`)}, []string{aws("us-east-1", "ami-e2", `"launchConfigId":"a"`)},
		},
		"one launch config": {
			pools.Options{Launches: []string{"a"}},
			[]string{aws("us-east-1", "ami-e1", `"launchConfigId":"a"`), aws("us-west-2", "ami-w1", `"launchConfigId":"c"`)},
			[]string{plain(aws("us-east-1", "ami-e2", "")), aws("us-west-2", "ami-w1", `"launchConfigId":"c"`)},
		},
		"a first time by image": {
			pools.Options{Replace: "ami-other"},
			[]string{aws("us-east-1", "ami-other", `"launchConfigId":"a"`), aws("us-east-1", "ami-third", `"launchConfigId":"b"`)},
			[]string{plain(aws("us-east-1", "ami-e2", "")), aws("us-east-1", "ami-third", `"launchConfigId":"b"`)},
		},
		"a Google image stays in its project": {
			pools.Options{}, []string{gcp("https://www.googleapis.com/compute/v1/projects/q/global/images/linux-v1")},
			[]string{gcp("https://www.googleapis.com/compute/v1/projects/q/global/images/linux-v2")},
		},
		"all that boots": {
			pools.Options{All: true}, []string{gcp("projects/debian-cloud/global/images/family/debian-12")}, []string{gcp("projects/ours/global/images/linux-v2")},
		},
		"an Azure image": {
			pools.Options{}, []string{azure(`{"id":"` + strings.ToUpper(gallery) + `1.0.0"}`)}, []string{azure(`{"id":"` + gallery + `2.0.0"}`)},
		},
		"an image of the marketplace": {
			pools.Options{All: true}, []string{azure(`{"publisher":"p","offer":"o","sku":"s","version":"latest"}`)}, []string{azure(`{"id":"` + gallery + `2.0.0"}`)},
		},
		"a parameter of a deployment": {
			pools.Options{}, []string{arm("whatever", gallery+"1.0.0")}, []string{arm("whatever", gallery+"2.0.0")},
		},
		"the parameter imageId for the first time": {
			pools.Options{All: true}, []string{arm("imageId", "x")}, []string{arm("imageId", gallery+"2.0.0")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			change, err := pools.Make(definition(t, c.before...), images(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(definition(t, c.after...).Digest(), change.Next.Digest()); diff != "" {
				t.Error(cmp.Diff(sorted(t, c.after...), launches(t, change.Next)))
			}
			if diff := cmp.Diff(sorted(t, c.before...), launches(t, change.Former)); diff != "" {
				t.Errorf("the former definition has changed: %s", diff)
			}
		})
	}
}

func TestMakeSaysAllThatIsWrong(t *testing.T) {
	revoked, deleted, nowhere, other := images(), images(), images(), images()
	other.Version = "v3"
	revoked.Ledger.Find("linux", "v2", packer.AWS)[0].Revoked = &ledger.Revocation{Reason: "it leaks"}
	at := time.Now()
	deleted.Ledger.Find("linux", "v2", packer.GCP)[0].Deleted = &at
	nowhere.Project = ""
	for want, c := range map[string]struct {
		images pools.Images
		launch string
	}{
		"launch config a: linux v2 aws has no image in eu-west-1: add the region to `publish` in the definition, and build it": {images(), aws("eu-west-1", "ami-e1", `"launchConfigId":"a"`)},
		"launch config a: linux v2 aws was revoked: it leaks":                                                                  {revoked, aws("us-east-1", "ami-e1", `"launchConfigId":"a"`)},
		"the images of linux v2 gcp have been deleted":                                                                         {deleted, gcp("projects/q/global/images/linux-v1")},
		"set GOOGLE_CLOUD_PROJECT": {nowhere, gcp("projects/debian-cloud/global/images/d")},
		"linux v3 has no build for azure in the ledger: worker-images build linux --target azure": {other, arm("imageId", "x")},
	} {
		change, err := pools.Make(definition(t, c.launch, aws("us-east-1", "ami-e2", "")), c.images, pools.Options{All: true})
		if err == nil || !strings.Contains(err.Error(), want) || !change.Empty() {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAloneAreNamed(t *testing.T) {
	change, err := pools.Make(definition(t, aws("us-east-1", "ami-other", `"launchConfigId":"b"`), arm("image", sentinel)), images(), pools.Options{})
	want := []pools.Alone{{LaunchConfigID: "b", Images: []string{"ami-other"}}, {LaunchConfigID: "without an id", Images: []string{}}}
	if diff := cmp.Diff(want, change.Alone); diff != "" || err != nil || change.Ours != 0 || !change.Empty() {
		t.Errorf("%v, %+v: %s", err, change, diff)
	}
}

func TestBeside(t *testing.T) {
	before := definition(t, aws("us-east-1", "ami-e1", `"launchConfigId":"a","maxCapacity":3`), aws("us-west-2", "ami-w1", `"launchConfigId":"b","initialWeight":0.5`))
	step := func(d pools.Definition, beside float64, want ...string) pools.Definition {
		t.Helper()
		change, err := pools.Make(d, images(), pools.Options{Beside: beside})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sorted(t, want...), launches(t, change.Next)); diff != "" {
			t.Errorf("beside %v: %s", beside, diff)
		}
		return change.Next
	}
	d := step(before, 0.1,
		aws("us-east-1", "ami-e1", `"launchConfigId":"a","maxCapacity":3,"initialWeight":0.9`), aws("us-east-1", "ami-e2", `"maxCapacity":3,"initialWeight":0.1`),
		aws("us-west-2", "ami-w1", `"launchConfigId":"b","initialWeight":0.45`), aws("us-west-2", "ami-w2", `"initialWeight":0.05`))
	d = step(d, 0.7,
		aws("us-east-1", "ami-e1", `"launchConfigId":"a","maxCapacity":3,"initialWeight":0.3`), aws("us-east-1", "ami-e2", `"maxCapacity":3,"initialWeight":0.7`),
		aws("us-west-2", "ami-w1", `"launchConfigId":"b","initialWeight":0.15`), aws("us-west-2", "ami-w2", `"initialWeight":0.35`))
	step(d, 0, aws("us-east-1", "ami-e2", `"maxCapacity":3`), aws("us-west-2", "ami-w2", `"initialWeight":0.5`))
}

// TestBesideEndsAsWithoutIt: whatever weights there were on the way.
func TestBesideEndsAsWithoutIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := definition(t, aws("us-east-1", "ami-e1", `"launchConfigId":"a"`), gcp("projects/q/global/images/linux-v1"), aws("us-west-2", "ami-w1", `"initialWeight":0.25`))
		once, err := pools.Make(before, images(), pools.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := before
		for _, weight := range rapid.SliceOfN(rapid.Float64Range(0.01, 0.99), 1, 5).Draw(rt, "weights") {
			c, err := pools.Make(d, images(), pools.Options{Beside: weight})
			if err != nil {
				t.Fatal(err)
			}
			d = c.Next
			if len(launches(t, d)) != 6 {
				rt.Fatalf("launch configs %s", launches(t, d))
			}
		}
		c, err := pools.Make(d, images(), pools.Options{})
		if err != nil || len(launches(t, c.Next)) != 3 {
			rt.Fatalf("%v: %s", err, launches(t, c.Next))
		}
		ours, plain := launches(t, c.Next), launches(t, once.Next)
		for i := range ours {
			if ours[i] != plain[i] && !strings.Contains(ours[i], `"initialWeight":0.2`) { // a quarter, to a millionth
				rt.Fatal(cmp.Diff(plain[i], ours[i]))
			}
		}
	})
}

func TestPick(t *testing.T) {
	l := images().Ledger
	l.Channels = map[string][]ledger.Version{"linux/production": {{Version: "v1"}}}
	for _, c := range []struct{ version, channel, want string }{
		{"", "production", "v1"}, {"", "", "v2"}, {"v1", "", "v1"},
		{"", "beta", `error: the channel beta of linux has no version`},
		{"v22", "", `error: the ledger has no version "v22" of linux`},
	} {
		got, err := pools.Pick(l, "linux", c.version, c.channel)
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for _, b := range l.Find("linux", "v2", "") {
		b.Revoked = &ledger.Revocation{Reason: "it leaks"}
	}
	if got, err := pools.Pick(l, "linux", "", ""); got != "v1" || err != nil {
		t.Errorf("the newest that is usable: %s, %v", got, err)
	}
	if _, err := pools.Pick(l, "linux", "v2", ""); err == nil || err.Error() != "linux v2 was revoked: it leaks" {
		t.Errorf("%v", err)
	}
	if err := definition(t, gcp("projects/q/global/images/linux-v2")).Usable(l); err == nil || err.Error() != "linux v2 gcp was revoked: it leaks" {
		t.Errorf("%v", err)
	}
	at := time.Now()
	l.Find("linux", "v1", packer.AWS)[0].Deleted = &at
	for image, want := range map[string]bool{"ami-e1": false, "ami-other": true} {
		if err := definition(t, aws("us-east-1", image, "")).Usable(l); (err == nil) != want {
			t.Errorf("%s: %v", image, err)
		}
	}
}

func TestDecodeRefusesWhatIsNoPool(t *testing.T) {
	for _, text := range []string{`{`, `{"workerPoolId":"a/b","providerId":"p","config":"` + sentinel + `"}`, `{"providerId":"p","config":{}}`, `["` + sentinel + `"]`} {
		if _, err := pools.Decode([]byte(text)); err == nil || strings.Contains(err.Error(), sentinel) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
