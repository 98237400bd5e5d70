package aws_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/packer/clouds/aws"
	"github.com/workerkit/workerkit/packer/clouds/cloudstest"
)

func TestMain(m *testing.M) { os.Exit(cloudstest.Main(m)) }

const here, there = "eu-central-1", "us-east-1"

// fake is an EC2 and what a test does in it besides the package under test.
type fake struct{ cloudstest.Stand }

// start starts a fake, and a cloud that looks at two of its regions.
func start(t *testing.T) (fake, *aws.Cloud) {
	t.Helper()
	f := fake{cloudstest.Start(t)}
	f.Setenv(t, "AWS_")
	t.Setenv("AWS_ENDPOINT_URL_EC2", f.URL)
	c, err := aws.New(t.Context(), aws.Options{Regions: []string{there, here, there}})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

// call makes a call in a region, and returns what is in an element of the answer.
func (f fake) call(t testing.TB, region, element, action string, pairs ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, f.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261122/"+region+"/ec2/aws4_request, Signature=1")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", action, reply.Status, err, data)
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: no %s in %s", action, element, data)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			var text string
			if err := d.DecodeElement(&text, &start); err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
}

// tagging are the parameters that give tags to what a call makes.
func tagging(kinds []string, tags map[string]string) []string {
	var pairs []string
	for n, kind := range kinds {
		spec := fmt.Sprintf("TagSpecification.%d.", n+1)
		pairs = append(pairs, spec+"ResourceType", kind)
		tag := 0
		for key, value := range tags {
			tag++
			pairs = append(pairs, fmt.Sprintf("%sTag.%d.Key", spec, tag), key, fmt.Sprintf("%sTag.%d.Value", spec, tag), value)
		}
	}
	return pairs
}

// machine launches an instance.
func (f fake) machine(t testing.TB, image string, tags map[string]string, pairs ...string) string {
	t.Helper()
	if image == "" {
		image = f.call(t, here, "imageId", "DescribeImages", "Owner.1", "136693071363", "Filter.1.Name", "name", "Filter.1.Value.1", "debian-12-amd64-*")
	}
	pairs = append(pairs, "ImageId", image, "MinCount", "1", "MaxCount", "1")
	return f.call(t, here, "instanceId", "RunInstances", append(pairs, tagging([]string{"instance", "volume"}, tags)...)...)
}

// image makes an AMI of a machine that is gone afterwards.
func (f fake) image(t testing.TB, name string, tags map[string]string) string {
	t.Helper()
	machine := f.machine(t, "", nil)
	pairs := append([]string{"InstanceId", machine, "Name", name}, tagging([]string{"image", "snapshot"}, tags)...)
	id := f.call(t, here, "imageId", "CreateImage", pairs...)
	f.call(t, here, "instanceId", "TerminateInstances", "InstanceId.1", machine)
	return id
}

// left is what the fake itself says that builds have left, by kind.
func (f fake) left(t testing.TB) string {
	t.Helper()
	reply, err := http.Get(f.URL + "/reports")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
