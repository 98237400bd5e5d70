package ec2

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// record is what the emulation keeps of an instance. Nothing in it is secret.
type record struct {
	InstanceID       string    `json:"instanceId"`
	AccountID        string    `json:"accountId"`
	ImageID          string    `json:"imageId"`
	InstanceType     string    `json:"instanceType"`
	Architecture     string    `json:"architecture"`
	Region           string    `json:"region"`
	AvailabilityZone string    `json:"availabilityZone"`
	PrivateIP        string    `json:"privateIp"`
	PublicIP         string    `json:"publicIp,omitempty"`       // "" when it has no public address
	PublicHostname   string    `json:"publicHostname,omitempty"` // the same
	Launched         time.Time `json:"launched"`
	UserData         []byte    `json:"userData"`
}

// Launch implements clouds.Cloud.
func (c *Cloud) Launch(o clouds.Order) (clouds.Machine, error) {
	config, err := decodeConfig(o.Config)
	if err != nil {
		return clouds.Machine{}, err
	}
	l, err := c.pick(config.LaunchConfigs)
	if err != nil {
		return clouds.Machine{}, err
	}
	if _, err := c.key(); err != nil { // made now, and not while the instance boots
		return clouds.Machine{}, err
	}
	r, err := c.instance(o, l)
	if err != nil {
		return clouds.Machine{}, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return clouds.Machine{}, fmt.Errorf("ec2: encode the instance's record: %w", err)
	}
	m := clouds.Machine{
		WorkerGroup: r.Region, WorkerID: r.InstanceID, LaunchConfigID: l.id(),
		Capacity: l.capacity(), WorkerConfig: l.WorkerConfig, Record: data,
	}
	if m.WorkerConfig == nil {
		m.WorkerConfig = json.RawMessage("{}")
	}
	return m, nil
}

// pick draws a launch config by their weights.
func (c *Cloud) pick(all []launchConfig) (launchConfig, error) {
	total := 0.0
	for _, l := range all {
		total += l.weight()
	}
	b, err := c.bytes(4)
	if err != nil {
		return launchConfig{}, err
	}
	at := total * float64(binary.BigEndian.Uint32(b)) / (1 << 32)
	for _, l := range all {
		if at < l.weight() {
			return l, nil
		}
		at -= l.weight()
	}
	return launchConfig{}, errors.New("ec2: the pool has no launch config that may be used")
}

func (l launchConfig) weight() float64 {
	if w := l.WorkerManager.InitialWeight; w != nil {
		return *w
	}
	return 1
}

func (l launchConfig) capacity() int {
	one := 1
	return *cmp.Or(l.WorkerManager.CapacityPerInstance, l.CapacityPerInstance, &one)
}

// id is the launch config's name, made from what is in it when it has none.
func (l launchConfig) id() string {
	if given := l.WorkerManager.LaunchConfigID; given != nil {
		return *given
	}
	l.WorkerManager = managerConfig{}
	data, err := json.Marshal(l)
	if err != nil { // a member that is no JSON has not been decoded
		data = nil
	}
	sum := sha256.Sum256(data)
	const letters = 20
	return "lc-" + hex.EncodeToString(sum[:])[:letters]
}

// instance makes up an instance.
func (c *Cloud) instance(o clouds.Order, l launchConfig) (record, error) {
	var run runInstances
	if err := json.Unmarshal(l.LaunchConfig, &run); err != nil {
		return record{}, fmt.Errorf("ec2: launchConfig: %w", err)
	}
	userData, err := userData(o, l)
	if err != nil {
		return record{}, err
	}
	b, err := c.bytes(15)
	if err != nil {
		return record{}, err
	}
	const idLetters = 17
	r := record{
		InstanceID: "i-" + hex.EncodeToString(b[:9])[:idLetters], AccountID: accountID, ImageID: run.ImageID,
		InstanceType: cmp.Or(run.InstanceType, "m5.large"), Architecture: "x86_64",
		Region: l.Region, AvailabilityZone: cmp.Or(run.Placement.AvailabilityZone, l.Region+"a"),
		PrivateIP: fmt.Sprintf("10.%d.%d.%d", b[9], b[10], 4+b[11]%250),
		Launched:  o.Now.UTC().Truncate(time.Second), UserData: userData,
	}
	if n := run.NetworkInterfaces; len(n) == 0 || n[0].AssociatePublicIpAddress == nil || *n[0].AssociatePublicIpAddress {
		r.PublicIP = clouds.PublicAddress
		r.PublicHostname = "ec2-127-0-0-1." + l.Region + ".compute.amazonaws.com"
	}
	return r, nil
}

// userData is what worker-manager tells the instance.
func userData(o clouds.Order, l launchConfig) ([]byte, error) {
	members := map[string]any{
		"rootUrl": o.RootURL, "workerPoolId": o.WorkerPoolID, "providerId": o.ProviderID,
		"workerGroup": l.Region, "launchConfigId": l.id(), "workerConfig": struct{}{},
	}
	for name, value := range l.AdditionalUserData {
		members[name] = value
	}
	data, err := json.Marshal(members)
	const most = 16384
	if err == nil && len(data) > most {
		err = fmt.Errorf("it has %d bytes; EC2 takes %d", len(data), most)
	}
	if err != nil {
		return nil, fmt.Errorf("ec2: user data: %w", err)
	}
	return data, nil
}

func (c *Cloud) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := c.random.Read(b); err != nil {
		return nil, fmt.Errorf("ec2: draw random numbers: %w", err)
	}
	return b, nil
}
