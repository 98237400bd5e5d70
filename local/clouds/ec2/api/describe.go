package api

// instanceAnswer is an instance in an answer.
type instanceAnswer struct {
	ID           string        `xml:"instanceId"`
	Image        string        `xml:"imageId"`
	State        stateAnswer   `xml:"instanceState"`
	PrivateDNS   string        `xml:"privateDnsName"`
	PublicDNS    string        `xml:"dnsName"`
	Key          string        `xml:"keyName,omitempty"`
	Type         string        `xml:"instanceType"`
	Launched     string        `xml:"launchTime"`
	Zone         string        `xml:"placement>availabilityZone"`
	Subnet       string        `xml:"subnetId"`
	VPC          string        `xml:"vpcId"`
	PrivateIP    string        `xml:"privateIpAddress,omitempty"`
	PublicIP     string        `xml:"ipAddress,omitempty"`
	Groups       set[groupID]  `xml:"groupSet"`
	Architecture string        `xml:"architecture"`
	RootType     string        `xml:"rootDeviceType"`
	RootName     string        `xml:"rootDeviceName"`
	Devices      set[attached] `xml:"blockDeviceMapping"`
	Tags         set[tag]      `xml:"tagSet"`
	ENA          bool          `xml:"enaSupport"`
}

type groupID struct {
	ID string `xml:"groupId"`
}

type attached struct {
	Device string `xml:"deviceName"`
	Volume string `xml:"ebs>volumeId"`
	Delete bool   `xml:"ebs>deleteOnTermination"`
}

// reservation is how EC2 wraps instances.
type reservation struct {
	ID        string              `xml:"reservationId"`
	Owner     string              `xml:"ownerId"`
	Instances set[instanceAnswer] `xml:"instancesSet"`
}

func (a *region) reservation(all ...*instance) reservation {
	r := reservation{ID: newID("r"), Owner: accountID}
	for _, i := range all {
		r.Instances.Items = append(r.Instances.Items, a.describe(i))
	}
	return r
}

// describe is an instance in an answer.
func (a *region) describe(i *instance) instanceAnswer {
	answer := instanceAnswer{
		ID: i.id, Image: i.image, State: i.state.answer(), PrivateDNS: i.id + ".internal",
		PublicDNS: a.address(i), PublicIP: a.address(i), PrivateIP: a.address(i), Key: i.key, Type: i.kind,
		Launched: i.launched, Zone: i.zone, Subnet: defaultSubnet, VPC: defaultVPC,
		Architecture: "x86_64", RootType: "ebs", RootName: rootDevice, Tags: i.tags.answer(), ENA: true,
	}
	if base := a.images[i.image]; base != nil {
		answer.Architecture = base.architecture
	}
	for _, id := range i.groups {
		answer.Groups.Items = append(answer.Groups.Items, groupID{id})
	}
	if _, there := a.volumes[i.volume]; there {
		answer.Devices.Items = []attached{{rootDevice, i.volume, !i.keepVolume}}
	}
	return answer
}

func (a *region) describeInstances(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := q.list("InstanceId")
	for _, id := range ids {
		if _, there := a.instances[id]; !there {
			return nil, noInstance(id)
		}
	}
	found, err := choose(a.instances, ids, q.filters(), func(i *instance) (map[string]string, tags, reservation) {
		return map[string]string{
			"instance-id": i.id, "image-id": i.image, "instance-state-name": string(i.state), "key-name": i.key,
		}, i.tags, a.reservation(i)
	})
	return struct {
		Reservations set[reservation] `xml:"reservationSet"`
	}{found}, err
}

func (a *region) describeInstanceStatus(q query) (any, error) {
	type status struct {
		ID       string      `xml:"instanceId"`
		State    stateAnswer `xml:"instanceState"`
		System   string      `xml:"systemStatus>status"`
		Instance string      `xml:"instanceStatus>status"`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found, err := choose(a.instances, q.list("InstanceId"), q.filters(), func(i *instance) (map[string]string, tags, status) {
		return map[string]string{"instance-state-name": string(i.state)}, i.tags, status{i.id, i.state.answer(), "ok", "ok"}
	})
	return struct {
		Statuses set[status] `xml:"instanceStatusSet"`
	}{found}, err
}

// volume is a disk; instance is "" when it is attached to none.
type volume struct {
	id, instance, created string
	size                  int
	tags                  tags
}

func (a *region) describeVolumes(q query) (any, error) {
	type answer struct {
		ID      string   `xml:"volumeId"`
		Size    int      `xml:"size"`
		Status  string   `xml:"status"`
		Created string   `xml:"createTime"`
		Tags    set[tag] `xml:"tagSet"`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := q.list("VolumeId")
	for _, id := range ids {
		if _, there := a.volumes[id]; !there {
			return nil, noVolume(id)
		}
	}
	found, err := choose(a.volumes, ids, q.filters(), func(v *volume) (map[string]string, tags, answer) {
		status := "available"
		if v.instance != "" {
			status = "in-use"
		}
		return map[string]string{"volume-id": v.id, "status": status, "attachment.instance-id": v.instance},
			v.tags, answer{v.id, v.size, status, v.created, v.tags.answer()}
	})
	return struct {
		Volumes set[answer] `xml:"volumeSet"`
	}{found}, err
}

func (a *region) deleteVolume(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, there := a.volumes[q.get("VolumeId")]
	if !there {
		return nil, noVolume(q.get("VolumeId"))
	}
	if v.instance != "" {
		return nil, missing("VolumeInUse", "Volume %s is currently attached to %s", v.id, v.instance)
	}
	delete(a.volumes, v.id)
	return done{true}, nil
}

func noVolume(id string) error {
	return missing("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
}
