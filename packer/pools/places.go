package pools

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/packer"
)

// place is where a launch config says what its machines boot.
type place struct {
	target packer.Target
	region string // of AWS and Azure; a Google image is everywhere
	path   string // in the launch config
	in     map[string]any
	key    string
	// main is that of the disk from which machines boot. The others are the image only where
	// they say an image that is known.
	main bool
}

// image is what is there; "" for an image that is not named by an id.
func (p place) image() string {
	text, _ := p.in[p.key].(string)
	return text
}

// set puts an image there. What named one without an id goes.
func (p place) set(image string) {
	if p.key == "id" && p.image() == "" {
		clear(p.in)
	}
	p.in[p.key] = image
}

// placesOf finds the places in a launch config of any cloud.
func placesOf(launch map[string]any) []place {
	var all []place
	if ec2, ok := launch["launchConfig"].(map[string]any); ok {
		all = append(all, place{packer.AWS, text(launch, "region"), "launchConfig", ec2, "ImageId", true})
	}
	if disks, ok := launch["disks"].([]any); ok {
		all = append(all, diskPlaces(disks)...)
	}
	if profile, ok := launch["storageProfile"].(map[string]any); ok {
		if reference, ok := profile["imageReference"].(map[string]any); ok {
			all = append(all, place{packer.Azure, region(text(launch, "location")), "storageProfile", reference, "id", true})
		}
	}
	if deployment, ok := launch["armDeployment"].(map[string]any); ok {
		all = append(all, parameterPlaces(deployment)...)
	}
	return all
}

// diskPlaces are those of Google's disks: the one that is said to boot, else the first.
func diskPlaces(disks []any) []place {
	var all []place
	boots := -1
	for i, entry := range disks {
		disk, _ := entry.(map[string]any)
		parameters, ok := disk["initializeParams"].(map[string]any)
		if !ok {
			continue
		}
		if boot, _ := disk["boot"].(bool); boot && boots < 0 {
			boots = len(all)
		}
		all = append(all, place{packer.GCP, "", fmt.Sprint("disks/", i), parameters, "sourceImage", false})
	}
	if len(all) > 0 {
		all[max(boots, 0)].main = true
	}
	return all
}

// parameterPlaces are those of an Azure deployment. Its template may call the parameter with the
// image as it likes; most call it imageId.
func parameterPlaces(deployment map[string]any) []place {
	parameters, _ := deployment["parameters"].(map[string]any)
	location, _ := parameters["location"].(map[string]any)
	var all []place
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		parameter, _ := parameters[name].(map[string]any)
		if _, ok := parameter["value"].(string); ok {
			main := strings.EqualFold(name, "imageId")
			all = append(all, place{packer.Azure, region(text(location, "value")), "parameters/" + name, parameter, "value", main})
		}
	}
	return all
}

// region is Azure's name of a region, of which "East US" is one form.
func region(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "")) }

func text(object map[string]any, key string) string {
	value, _ := object[key].(string)
	return value
}

// same tells whether two ids are of one image. On Google a pool has an image's path and the ledger
// its name, Azure's ids have no case.
func same(target packer.Target, a, b string) bool {
	switch target {
	case packer.GCP:
		return a == b || imageName(a) != "" && imageName(a) == imageName(b)
	case packer.Azure:
		return strings.EqualFold(a, b)
	default:
		return a == b
	}
}

// imageName is the name of a Google image; "" for a family, which is another image tomorrow.
func imageName(path string) string {
	if strings.Contains(path, "/family/") {
		return ""
	}
	return path[strings.LastIndex(path, "/")+1:]
}

// launchID is the id of a launch config; "" where worker-manager is to give it one.
func launchID(launch map[string]any) string {
	manager, _ := launch["workerManager"].(map[string]any)
	return text(manager, "launchConfigId")
}
