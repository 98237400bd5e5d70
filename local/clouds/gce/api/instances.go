package api

import (
	"fmt"
	"maps"
	"strings"
)

// insertInstance is the name of the call that a lack of capacity shows in.
const insertInstance = "compute.instances.insert"

// insertInstance makes an instance with its boot disk, and boots it.
func (a *API) insertInstance(c call) (object, error) {
	done, where, err := a.prepareInstance(c)
	if err != nil || where == "" {
		return done, err
	}
	if err := a.options.Boot(where, authorized(c.body)); err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.remove(where)
		return nil, fmt.Errorf("gce: boot %s: %w", c.body["name"], err)
	}
	return done, nil
}

// prepareInstance makes what insertInstance boots; where is "" when there is nothing to boot.
func (a *API) prepareInstance(c call) (done object, where string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where = c.folder("instances") + "/" + fmt.Sprint(c.body["name"])
	if c.exhausted {
		return a.finish(c, where, object{
			"code": "ZONE_RESOURCE_POOL_EXHAUSTED",
			"message": "The zone '" + c.place() +
				"' does not have enough resources available to fulfill the request. Try a different zone, or try again later.",
		}), "", nil
	}
	disks, err := a.insertDisks(c)
	if err != nil {
		return nil, "", err
	}
	r, err := a.add(c.folder("instances"), "instances", c.body)
	if err != nil {
		for _, d := range disks {
			delete(a.resources, path(d["source"].(string), c.project()))
		}
		return nil, "", err
	}
	r.data["status"] = "RUNNING"
	r.data["disks"] = disks
	r.data["networkInterfaces"] = []object{{
		"network": root + "projects/" + c.project() + "/global/networks/default", "networkIP": a.options.Host,
		"accessConfigs": []object{{"type": "ONE_TO_ONE_NAT", "name": "nat", "natIP": a.options.Host}},
	}}
	for _, d := range disks {
		a.resources[path(d["source"].(string), c.project())].data["users"] = []string{root + where}
	}
	return a.finish(c, where), where, nil
}

// insertDisks makes the disks that an instance brings along, each of an image.
func (a *API) insertDisks(c call) ([]object, error) {
	given, _ := c.body["disks"].([]any)
	var disks []object
	for i, one := range given {
		disk, _ := one.(object)
		disk = maps.Clone(disk)
		if disk["deviceName"] == nil {
			disk["deviceName"] = fmt.Sprintf("persistent-disk-%d", i)
		}
		parameters, _ := disk["initializeParams"].(object)
		if parameters == nil {
			return nil, invalid("Invalid value for field 'resource.disks': a disk without initializeParams is not emulated")
		}
		source, _ := parameters["sourceImage"].(string)
		image, err := a.image(path(source, c.project()))
		if err != nil {
			return nil, err
		}
		name := parameters["diskName"]
		if name == nil {
			name = c.body["name"]
		}
		size := "10"
		if given := parameters["diskSizeGb"]; given != nil {
			size = fmt.Sprint(given)
		}
		r, err := a.add(c.folder("disks"), "disks", object{
			"name": name, "status": "READY", "sourceImage": image.data["selfLink"], "sizeGb": size,
			"type": parameters["diskType"], "labels": parameters["labels"],
		})
		if err != nil {
			return nil, err
		}
		disk["source"] = r.data["selfLink"]
		delete(disk, "initializeParams")
		disks = append(disks, disk)
	}
	return disks, nil
}

// authorized is the keys in an instance's metadata: lines "user:ssh-rsa AAAA… comment". Items
// may have no value.
func authorized(instance object) []string {
	metadata, _ := instance["metadata"].(object)
	items, _ := metadata["items"].([]any)
	var keys []string
	for _, one := range items {
		item, _ := one.(object)
		value, _ := item["value"].(string)
		if name := item["key"]; name != "ssh-keys" && name != "sshKeys" {
			continue
		}
		for line := range strings.Lines(value) {
			if _, key, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (a *API) deleteInstance(c call) (object, error) {
	a.mu.Lock()
	where := c.folder("instances") + "/" + c.named()
	_, there := a.resources[where]
	if !there {
		a.mu.Unlock()
		return nil, notFound(where)
	}
	a.remove(where)
	done := a.finish(c, where)
	a.mu.Unlock()
	a.options.Halt(where)
	return done, nil
}

// remove takes an instance away, and those of its disks that are to go with it.
func (a *API) remove(where string) {
	disks, _ := a.resources[where].data["disks"].([]object)
	for _, d := range disks {
		source, _ := d["source"].(string)
		disk := path(source, "")
		if d["autoDelete"] == true {
			delete(a.resources, disk)
		} else if r := a.resources[disk]; r != nil {
			delete(r.data, "users")
		}
	}
	delete(a.resources, where)
}

// serialPort is empty: nothing writes to the port.
func (a *API) serialPort(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("instances") + "/" + c.named()
	if _, there := a.resources[where]; !there {
		return nil, notFound(where)
	}
	return object{"kind": "compute#serialPortOutput", "contents": "", "start": "0", "next": "0"}, nil
}

// deleteDisk refuses while an instance uses the disk, as Google does.
func (a *API) deleteDisk(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	where := c.folder("disks") + "/" + c.named()
	r, there := a.resources[where]
	if !there {
		return nil, notFound(where)
	}
	if users, _ := r.data["users"].([]string); len(users) > 0 {
		return nil, inUse(where, users[0])
	}
	delete(a.resources, where)
	return a.finish(c, where), nil
}
