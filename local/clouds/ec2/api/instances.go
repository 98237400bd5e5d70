package api

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
)

// state is what an instance is doing. Changes are seen at once: nobody has to wait for them.
type state string

const (
	running    state = "running"
	stopped    state = "stopped"
	terminated state = "terminated"
)

// code is EC2's number of a state.
func (s state) code() int {
	switch s {
	case running:
		return 16
	case stopped:
		return 80
	default:
		return 48
	}
}

// instance is a machine.
type instance struct {
	id, image, kind, key, zone, launched string
	groups                               []string
	volume                               string // its root disk
	keepVolume                           bool
	state                                state
	tags                                 tags
}

// stateAnswer is a state in an answer.
type stateAnswer struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

func (s state) answer() stateAnswer { return stateAnswer{s.code(), string(s)} }

// runInstances launches one instance: no build needs more at once.
func (a *region) runInstances(q query) (any, error) {
	if count := q.get("MaxCount"); count != "1" {
		return nil, missing("InvalidParameterValue", "MaxCount is %s; one instance at once is what is emulated", count)
	}
	i, authorized, err := a.launch(q)
	if err != nil {
		return nil, err
	}
	if err := a.options.Boot(i.id, authorized); err != nil {
		a.end(i.id, terminated)
		return nil, fmt.Errorf("ec2: boot %s: %w", i.id, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reservation(i), nil
}

// launch makes the instance and its root disk, and says which keys may log in.
func (a *region) launch(q query) (*instance, []string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	base, err := a.findImage(q.get("ImageId"))
	if err != nil {
		return nil, nil, err
	}
	var authorized []string
	if name := q.get("KeyName"); name != "" {
		k, there := a.keys[name]
		if !there {
			return nil, nil, missing("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
		}
		authorized = []string{k.public}
	}
	groups := append(q.list("SecurityGroupId"), q.list("NetworkInterface.1.SecurityGroupId")...)
	for _, id := range groups {
		if _, there := a.groups[id]; !there {
			return nil, nil, noGroup(id)
		}
	}
	i := &instance{
		id: newID("i"), image: base.id, kind: q.get("InstanceType"), key: q.get("KeyName"),
		zone: q.get("Placement.AvailabilityZone"), launched: stamp(a.options.Clock()),
		groups: groups, state: running, tags: q.specified("instance"),
	}
	if i.zone == "" {
		i.zone = q.region + "a"
	}
	i.keepVolume = q.get("BlockDeviceMapping.1.Ebs.DeleteOnTermination") == "false"
	v := &volume{id: newID("vol"), instance: i.id, created: i.launched, size: base.size, tags: q.specified("volume")}
	if size, err := strconv.Atoi(q.get("BlockDeviceMapping.1.Ebs.VolumeSize")); err == nil {
		v.size = size
	}
	i.volume = v.id
	a.volumes[v.id], a.instances[i.id] = v, i
	return i, authorized, nil
}

// end stops or terminates an instance; its root disk goes with a terminated one.
func (a *region) end(id string, s state) {
	a.mu.Lock()
	i := a.instances[id]
	was := i.state
	if was != terminated {
		i.state = s
	}
	if i.state == terminated {
		if v := a.volumes[i.volume]; v != nil && i.keepVolume {
			v.instance = ""
		} else {
			delete(a.volumes, i.volume)
		}
	}
	a.mu.Unlock()
	if was == running {
		a.options.Halt(id)
	}
	a.options.Log.LogAttrs(context.Background(), slog.LevelDebug, "ec2: instance",
		slog.String("id", id), slog.String("was", string(was)), slog.String("is", string(s)))
}

func (a *region) stopInstances(q query) (any, error)      { return a.endAll(q, stopped) }
func (a *region) terminateInstances(q query) (any, error) { return a.endAll(q, terminated) }

// endAll ends all instances that a call names, after it has found all of them.
func (a *region) endAll(q query, s state) (any, error) {
	type change struct {
		ID       string      `xml:"instanceId"`
		Current  stateAnswer `xml:"currentState"`
		Previous stateAnswer `xml:"previousState"`
	}
	ids := q.list("InstanceId")
	var changes set[change]
	a.mu.Lock()
	for _, id := range ids {
		i, there := a.instances[id]
		if !there {
			a.mu.Unlock()
			return nil, noInstance(id)
		}
		changes.Items = append(changes.Items, change{id, s.answer(), i.state.answer()})
	}
	a.mu.Unlock()
	for _, id := range ids {
		a.end(id, s)
	}
	return struct {
		Instances set[change] `xml:"instancesSet"`
	}{changes}, nil
}

// modifyInstance takes what is said of an instance, such as enhanced networking, as done.
func (a *region) modifyInstance(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.instances[q.get("InstanceId")]; !there {
		return nil, noInstance(q.get("InstanceId"))
	}
	return done{true}, nil
}

func noInstance(id string) error {
	return missing("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
}

// address is where an instance answers.
func (a *region) address(i *instance) string {
	if i.state != running {
		return ""
	}
	return a.options.Host
}
