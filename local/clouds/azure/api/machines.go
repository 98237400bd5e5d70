package api

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// machineKind is the type of virtual machines.
const machineKind = "Microsoft.Compute/virtualMachines"

// writeMachine makes a virtual machine with its disk, and boots it.
func (a *API) writeMachine(c call) (object, error) {
	a.mu.Lock()
	if err := a.inGroup(c.where); err != nil {
		a.mu.Unlock()
		return nil, err
	}
	if err := a.checkImage(c.body); err != nil {
		a.mu.Unlock()
		return nil, err
	}
	r := a.put(c.where, c.body)
	a.addDisk(r)
	a.running[c.where.key()] = true
	answer := maps.Clone(r.data)
	a.mu.Unlock()
	if err := a.options.Boot(c.where.key(), authorized(c.body)); err != nil {
		return nil, fmt.Errorf("azure: boot %s: %w", c.where.name, err)
	}
	return answer, nil
}

// addDisk makes the disk of a virtual machine's system. It stays when the machine goes.
func (a *API) addDisk(machine *resource) {
	disk, ok := dig(machine.data, "properties", "storageProfile", "osDisk").(object)
	if !ok || disk["vhd"] != nil {
		return
	}
	name, _ := disk["name"].(string)
	if name == "" {
		name = machine.where.name + "_OsDisk_1"
	}
	p, err := parse(machine.where.group() + "/providers/Microsoft.Compute/disks/" + name)
	if err != nil {
		return // the name of a machine that has been parsed
	}
	a.put(p, object{"location": machine.data["location"], "tags": machine.data["tags"]})
	managed, _ := disk["managedDisk"].(object)
	if managed = maps.Clone(managed); managed == nil {
		managed = object{}
	}
	managed["id"], disk["managedDisk"], disk["name"] = p.id, managed, name
}

// authorized is the keys that may log in to a virtual machine.
func authorized(machine object) []string {
	given, _ := dig(machine, "properties", "osProfile", "linuxConfiguration", "ssh", "publicKeys").([]any)
	var keys []string
	for _, one := range given {
		if key, ok := dig(one, "keyData").(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func (a *API) startMachine(c call) (object, error) {
	a.mu.Lock()
	r, err := a.find(c.where)
	if err == nil && r.properties()["generalized"] == true {
		err = problem(http.StatusConflict, "OperationNotAllowed", "VM '%s' is generalized and cannot be started.", c.where.name)
	}
	if err != nil {
		a.mu.Unlock()
		return nil, err
	}
	a.running[c.where.key()] = true
	keys := authorized(r.data)
	a.mu.Unlock()
	return object{}, a.options.Boot(c.where.key(), keys)
}

func (a *API) stopMachine(c call) (object, error) {
	a.mu.Lock()
	_, err := a.find(c.where)
	was := a.running[c.where.key()]
	delete(a.running, c.where.key())
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if was {
		a.options.Halt(c.where.key())
	}
	return object{}, nil
}

// generalize marks a machine that is stopped as one that an image can be made of.
func (a *API) generalize(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, err := a.find(c.where)
	if err != nil {
		return nil, err
	}
	if a.running[c.where.key()] {
		return nil, problem(http.StatusConflict, "OperationNotAllowed", "Generalizing VM '%s' is not allowed while it runs.", c.where.name)
	}
	// What was sent of it before may still be on its way: it is not changed in place.
	properties := maps.Clone(r.properties())
	properties["generalized"] = true
	r.data["properties"] = properties
	return object{}, nil
}

// writeImage makes a managed image of a machine that has been generalized.
func (a *API) writeImage(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.inGroup(c.where); err != nil {
		return nil, err
	}
	if id, ok := dig(c.body, "properties", "sourceVirtualMachine", "id").(string); ok {
		source := a.resources[strings.ToLower(id)]
		if source == nil {
			return nil, problem(http.StatusNotFound, "NotFound", "The entity was not found: '%s'.", id)
		}
		if source.properties()["generalized"] != true {
			return nil, problem(http.StatusConflict, "OperationNotAllowed",
				"Cannot create an image from a VM '%s' that is not generalized.", source.where.name)
		}
	}
	return maps.Clone(a.put(c.where, c.body).data), nil
}

// writeVersion adds a version to an image in a gallery, of a managed image or a machine.
func (a *API) writeVersion(c call) (object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.inGroup(c.where); err != nil {
		return nil, err
	}
	id, ok := dig(c.body, "properties", "publishingProfile", "source", "managedImage", "id").(string)
	if !ok {
		id, ok = dig(c.body, "properties", "storageProfile", "source", "id").(string)
	}
	if !ok {
		return nil, invalid("InvalidParameter", "Required parameter 'storageProfile.source' is missing (null).")
	}
	if a.resources[strings.ToLower(id)] == nil {
		return nil, problem(http.StatusNotFound, "NotFound", "The entity was not found: '%s'.", id)
	}
	r := a.put(c.where, c.body)
	r.properties()["replicationStatus"] = object{"aggregatedState": "Completed"}
	return maps.Clone(r.data), nil
}
