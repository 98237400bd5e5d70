package api_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/ec2/api"
)

// call makes a call; parameters follow as pairs.
func call(t *testing.T, a *api.API, action string, pairs ...string) (int, string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261122/eu-central-1/ec2/aws4_request, Signature=1")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	data, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(data)
}

// good makes a call that must succeed, and returns what is in the element of its answer.
func good(t *testing.T, a *api.API, element, action string, pairs ...string) string {
	t.Helper()
	status, body := call(t, a, action, pairs...)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", action, status, body)
	}
	found := regexp.MustCompile("<" + element + ">([^<]*)</" + element + ">").FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("%s: no %s in %s", action, element, body)
	}
	return strings.ReplaceAll(found[1], "&#xA;", "\n")
}

// machine launches an instance with a key pair and a security group.
func machine(t *testing.T, a *api.API) (id, group string) {
	t.Helper()
	base := good(t, a, "imageId", "DescribeImages", "Owner.1", "136693071363", "Filter.1.Name", "name", "Filter.1.Value.1", "debian-12-*")
	good(t, a, "keyName", "CreateKeyPair", "KeyName", "k")
	group = good(t, a, "groupId", "CreateSecurityGroup", "GroupName", "g", "GroupDescription", "d")
	id = good(t, a, "instanceId", "RunInstances", "ImageId", base, "MinCount", "1", "MaxCount", "1", "KeyName", "k",
		"SecurityGroupId.1", group, "TagSpecification.1.ResourceType", "instance",
		"TagSpecification.1.Tag.1.Key", "run", "TagSpecification.1.Tag.1.Value", "r1")
	return id, group
}

func kinds(all []clouds.Resource) []string {
	var kinds []string
	for _, r := range all {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

// TestLife is what a build does, with what is there at each step.
func TestLife(t *testing.T) {
	var booted []string
	var halted string
	a := api.New(clouds.BuildOptions{
		Clock: func() time.Time { return time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC) },
		Boot: func(_ string, keys []string) error {
			booted = keys
			return nil
		},
		Halt: func(id string) { halted = id },
	})
	id, group := machine(t, a)
	if len(booted) != 1 || !strings.HasPrefix(booted[0], "ssh-rsa AAAA") {
		t.Errorf("booted with the keys %q", booted)
	}
	if got, want := kinds(a.Leftovers()), []string{"instance", "key-pair", "security-group", "volume"}; !slices.Equal(got, want) {
		t.Errorf("there is %v, want %v", got, want)
	}
	if address := good(t, a, "ipAddress", "DescribeInstances", "InstanceId.1", id); address != "127.0.0.1" {
		t.Errorf("address %s", address)
	}
	if zone := good(t, a, "availabilityZone", "DescribeInstances", "Filter.1.Name", "tag:run", "Filter.1.Value.1", "r*"); zone != "eu-central-1a" {
		t.Errorf("zone %s", zone)
	}
	good(t, a, "instanceId", "StopInstances", "InstanceId.1", id)
	if halted != id {
		t.Errorf("halted %q, want %s", halted, id)
	}
	image := good(t, a, "imageId", "CreateImage", "InstanceId", id, "Name", "worker", "Description", "d")
	good(t, a, "return", "CreateTags", "ResourceId.1", image, "Tag.1.Key", "hash", "Tag.1.Value", "sha256:1")
	if when := good(t, a, "creationDate", "DescribeImages", "ImageId.1", image); when != "2026-11-22T01:02:03.000Z" {
		t.Errorf("made at %s", when)
	}
	good(t, a, "instanceId", "TerminateInstances", "InstanceId.1", id)
	good(t, a, "return", "DeleteSecurityGroup", "GroupId", group)
	good(t, a, "return", "DeleteKeyPair", "KeyName", "k")
	if left := a.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if images := a.Images(); len(images) != 1 || images[0].ID != image || images[0].Tags["hash"] != "sha256:1" {
		t.Errorf("images %v", images)
	}
	snapshot := good(t, a, "snapshotId", "DescribeImages", "Owner.1", "self", "Filter.1.Name", "tag:hash", "Filter.1.Value.1", "sha256:1")
	if _, body := call(t, a, "DeleteSnapshot", "SnapshotId", snapshot); !strings.Contains(body, "InvalidSnapshot.InUse") {
		t.Errorf("a snapshot of an image was deleted: %s", body)
	}
	good(t, a, "return", "DeregisterImage", "ImageId", image)
	if got := kinds(a.Leftovers()); !slices.Equal(got, []string{"snapshot"}) {
		t.Errorf("after DeregisterImage there is %v", got)
	}
	good(t, a, "return", "DeleteSnapshot", "SnapshotId", snapshot)
	if _, body := call(t, a, "DescribeImages", "ImageId.1", image); !strings.Contains(body, "InvalidAMIID.NotFound") {
		t.Errorf("an image that is gone: %s", body)
	}
}

func TestErrors(t *testing.T) {
	a := api.New(clouds.BuildOptions{Base: func(name string) bool { return name == "debian-12-*" }})
	id, group := machine(t, a)
	for name, c := range map[string]struct {
		want string
		call []string
	}{
		"unknown call":         {"<Code>InvalidAction</Code>", []string{"CreateVpc"}},
		"unknown instance":     {"<Code>InvalidInstanceID.NotFound</Code>", []string{"DescribeInstances", "InstanceId.1", "i-1"}},
		"stop unknown":         {"<Code>InvalidInstanceID.NotFound</Code>", []string{"StopInstances", "InstanceId.1", id, "InstanceId.2", "i-1"}},
		"unknown image":        {"<Code>InvalidAMIID.NotFound</Code>", []string{"DescribeImages", "ImageId.1", "ami-1"}},
		"no image id":          {"<Code>InvalidAMIID.Malformed</Code>", []string{"RunInstances", "ImageId", "debian", "MaxCount", "1"}},
		"two instances":        {"<Code>InvalidParameterValue</Code>", []string{"RunInstances", "ImageId", "ami-1", "MaxCount", "2"}},
		"key twice":            {"<Code>InvalidKeyPair.Duplicate</Code>", []string{"CreateKeyPair", "KeyName", "k"}},
		"key without name":     {"<Code>MissingParameter</Code>", []string{"CreateKeyPair"}},
		"bad key":              {"<Code>InvalidKey.Format</Code>", []string{"ImportKeyPair", "KeyName", "b", "PublicKeyMaterial", "%"}},
		"unknown key":          {"<Code>InvalidKeyPair.NotFound</Code>", []string{"DescribeKeyPairs", "KeyName.1", "other"}},
		"group twice":          {"<Code>InvalidGroup.Duplicate</Code>", []string{"CreateSecurityGroup", "GroupName", "g", "GroupDescription", "d"}},
		"group in use":         {"<Code>DependencyViolation</Code>", []string{"DeleteSecurityGroup", "GroupId", group}},
		"unknown group":        {"<Code>InvalidGroup.NotFound</Code>", []string{"AuthorizeSecurityGroupIngress", "GroupId", "sg-1"}},
		"unknown volume":       {"<Code>InvalidVolume.NotFound</Code>", []string{"DescribeVolumes", "VolumeId.1", "vol-1"}},
		"unknown snapshot":     {"<Code>InvalidSnapshot.NotFound</Code>", []string{"DescribeSnapshots", "SnapshotId.1", "snap-1"}},
		"tag nothing":          {"<Code>InvalidID</Code>", []string{"CreateTags", "ResourceId.1", "ami-1", "Tag.1.Key", "a"}},
		"unknown filter":       {"<Code>InvalidParameterValue</Code>", []string{"DescribeInstances", "Filter.1.Name", "color", "Filter.1.Value.1", "red"}},
		"image of nothing":     {"<Code>InvalidInstanceID.NotFound</Code>", []string{"CreateImage", "InstanceId", "i-1", "Name", "n"}},
		"copy of nothing":      {"<Code>InvalidAMIID.NotFound</Code>", []string{"CopyImage", "SourceImageId", "ami-1", "Name", "n"}},
		"base that is not":     {"<imagesSet></imagesSet>", []string{"DescribeImages", "Owner.1", "136693071363", "Filter.1.Name", "name", "Filter.1.Value.1", "debiam-*"}},
		"no image of our own":  {"<imagesSet></imagesSet>", []string{"DescribeImages", "Owner.1", "self"}},
		"filter without match": {"<reservationSet></reservationSet>", []string{"DescribeInstances", "Filter.1.Name", "tag:run", "Filter.1.Value.1", "r2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, body := call(t, a, c.call[0], c.call[1:]...); !strings.Contains(body, c.want) {
				t.Errorf("%s, want %s", body, c.want)
			}
		})
	}
	if address := good(t, a, "ipAddress", "DescribeInstances", "InstanceId.1", id); address == "" {
		t.Error("a StopInstances that failed stopped an instance")
	}
}

func TestOwnersOfImages(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	base := good(t, a, "imageId", "DescribeImages", "Owner.1", "amazon", "Filter.1.Name", "name", "Filter.1.Value.1", "al2023-*")
	if again := good(t, a, "imageId", "DescribeImages", "Owner.1", "amazon", "Filter.1.Name", "name", "Filter.1.Value.1", "al2023-*"); again != base {
		t.Errorf("the same base has the ids %s and %s", base, again)
	}
	if _, body := call(t, a, "DeregisterImage", "ImageId", base); !strings.Contains(body, "AuthFailure") {
		t.Errorf("deregister an image of somebody else: %s", body)
	}
	if len(a.Images()) > 0 {
		t.Errorf("the base counts as made: %v", a.Images())
	}
}

func TestTroubles(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	for kind, want := range map[clouds.Trouble]string{
		clouds.Throttled: "RequestLimitExceeded", clouds.NoCapacity: "InsufficientInstanceCapacity",
		clouds.Broken: "InternalError", clouds.Forbidden: "UnauthorizedOperation",
	} {
		if err := a.Troubles.Add("DescribeRegions", kind, 1); err != nil {
			t.Fatal(err)
		}
		if status, body := call(t, a, "DescribeRegions"); status < 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", kind, status, body)
		}
	}
	good(t, a, "regionName", "DescribeRegions")
}

// TestSecretsStayOut: the private half of a key pair is in one answer and in no log.
func TestSecretsStayOut(t *testing.T) {
	var logged bytes.Buffer
	a := api.New(clouds.BuildOptions{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	material := good(t, a, "keyMaterial", "CreateKeyPair", "KeyName", "k")
	block, _ := pem.Decode([]byte(material))
	if block == nil {
		t.Fatalf("no key: %s", material)
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		t.Error(err)
	}
	call(t, a, "RunInstances", "UserData", "c2VjcmV0", "ImageId", "ami-1", "MaxCount", "1")
	if _, body := call(t, a, "DescribeKeyPairs"); strings.Contains(body, "keyMaterial") {
		t.Errorf("the private key is told again: %s", body)
	}
	for _, secret := range []string{material[40:60], "c2VjcmV0", "AKIA"} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("a secret in the log: %s", logged.String())
		}
	}
	if !strings.Contains(logged.String(), "CreateKeyPair") {
		t.Errorf("the log lacks a call: %s", logged.String())
	}
}

// TestRegions: what is in one region is not in another, and a copy is for itself.
func TestRegions(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	id, _ := machine(t, a)
	image := good(t, a, "imageId", "CreateImage", "InstanceId", id, "Name", "worker")
	abroad := func(action string, pairs ...string) string {
		form := url.Values{"Action": {action}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-west-2/ec2/aws4_request, Signature=1")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w.Body.String()
	}
	if body := abroad("DescribeImages", "Owner.1", "self"); strings.Contains(body, image) {
		t.Errorf("an image of another region is listed: %s", body)
	}
	if body := abroad("CopyImage", "SourceRegion", "eu-central-1", "SourceImageId", image, "Name", "worker"); !strings.Contains(body, "<imageId>ami-") {
		t.Errorf("the name is free in each region: %s", body)
	}
	if body := abroad("CopyImage", "SourceImageId", image, "Name", "worker-2"); !strings.Contains(body, "InvalidAMIID.NotFound") {
		t.Errorf("a copy of what is not in the region: %s", body)
	}
	if images := a.Images(); len(images) != 2 {
		t.Errorf("in all regions there are %v", images)
	}
}

// TestWhoUsesAnImage: launch templates with all their versions, and whom it is shared with.
func TestWhoUsesAnImage(t *testing.T) {
	a := api.New(clouds.BuildOptions{})
	id, _ := machine(t, a)
	image := good(t, a, "imageId", "CreateImage", "InstanceId", id, "Name", "worker")
	template := good(t, a, "launchTemplateId", "CreateLaunchTemplate", "LaunchTemplateName", "group", "LaunchTemplateData.ImageId", "ami-1")
	if _, body := call(t, a, "CreateLaunchTemplate", "LaunchTemplateName", "group"); !strings.Contains(body, "AlreadyExists") {
		t.Errorf("a name twice: %s", body)
	}
	good(t, a, "versionNumber", "CreateLaunchTemplateVersion", "LaunchTemplateId", template, "LaunchTemplateData.ImageId", image)
	if name := good(t, a, "launchTemplateName", "DescribeLaunchTemplates"); name != "group" {
		t.Errorf("listed is %s", name)
	}
	if version := good(t, a, "versionNumber", "DescribeLaunchTemplateVersions", "LaunchTemplateId", template,
		"Filter.1.Name", "image-id", "Filter.1.Value.1", image); version != "2" {
		t.Errorf("the image is in version %s", version)
	}
	if _, body := call(t, a, "DescribeLaunchTemplateVersions", "LaunchTemplateId", "lt-1"); !strings.Contains(body, "InvalidLaunchTemplateId.NotFound") {
		t.Errorf("a template that is not there: %s", body)
	}
	good(t, a, "return", "ModifyImageAttribute", "ImageId", image, "LaunchPermission.Add.1.UserId", "210987654321")
	if user := good(t, a, "userId", "DescribeImageAttribute", "ImageId", image, "Attribute", "launchPermission"); user != "210987654321" {
		t.Errorf("shared with %s", user)
	}
	good(t, a, "return", "EnableImageDeprecation", "ImageId", image, "DeprecateAt", "2027-01-01T00:00:00.000Z")
	if when := good(t, a, "deprecationTime", "DescribeImages", "ImageId.1", image); when != "2027-01-01T00:00:00.000Z" {
		t.Errorf("deprecated at %s", when)
	}
}
