package api

// The account has one network, with a subnet in each zone.
const (
	defaultVPC    = "vpc-0d0d0d0d0d0d0d0d0"
	defaultSubnet = "subnet-0d0d0d0d0d0d0d0d0"
)

func (a *region) describeRegions(q query) (any, error) {
	type region struct {
		Name     string `xml:"regionName"`
		Endpoint string `xml:"regionEndpoint"`
	}
	names := q.list("RegionName")
	if len(names) == 0 {
		names = []string{q.region}
	}
	var found set[region]
	for _, name := range names {
		found.Items = append(found.Items, region{name, "ec2." + name + ".amazonaws.com"})
	}
	return struct {
		Regions set[region] `xml:"regionInfo"`
	}{found}, nil
}

func (a *region) describeVPCs(query) (any, error) {
	type vpc struct {
		ID      string `xml:"vpcId"`
		State   string `xml:"state"`
		CIDR    string `xml:"cidrBlock"`
		Default bool   `xml:"isDefault"`
	}
	return struct {
		VPCs set[vpc] `xml:"vpcSet"`
	}{set[vpc]{[]vpc{{defaultVPC, "available", "172.31.0.0/16", true}}}}, nil
}

func (a *region) describeSubnets(q query) (any, error) {
	type subnet struct {
		ID      string `xml:"subnetId"`
		State   string `xml:"state"`
		VPC     string `xml:"vpcId"`
		Zone    string `xml:"availabilityZone"`
		Free    int    `xml:"availableIpAddressCount"`
		Default bool   `xml:"defaultForAz"`
	}
	const free = 4091
	return struct {
		Subnets set[subnet] `xml:"subnetSet"`
	}{set[subnet]{[]subnet{{defaultSubnet, "available", defaultVPC, q.region + "a", free, true}}}}, nil
}

func (a *region) describeOfferings(q query) (any, error) {
	type offering struct {
		Type     string `xml:"instanceType"`
		Location string `xml:"location"`
		Kind     string `xml:"locationType"`
	}
	var found set[offering]
	for _, f := range q.filters() {
		if f.name != "instance-type" {
			continue
		}
		for _, kind := range f.values {
			found.Items = append(found.Items, offering{kind, q.region + "a", "availability-zone"})
		}
	}
	return struct {
		Offerings set[offering] `xml:"instanceTypeOfferingSet"`
	}{found}, nil
}
