package api

import "slices"

// group is a security group.
type group struct {
	id, name, description, vpc string
	ports                      []permission
	tags                       tags
}

// permission is who may connect to where.
type permission struct {
	Protocol string `xml:"ipProtocol"`
	From     string `xml:"fromPort"`
	To       string `xml:"toPort"`
	Ranges   struct {
		Items []struct {
			CIDR string `xml:"cidrIp"`
		} `xml:"item"`
	} `xml:"ipRanges"`
}

// groupAnswer is a security group in an answer.
type groupAnswer struct {
	ID          string          `xml:"groupId"`
	Name        string          `xml:"groupName"`
	Description string          `xml:"groupDescription"`
	Owner       string          `xml:"ownerId"`
	VPC         string          `xml:"vpcId"`
	Permissions set[permission] `xml:"ipPermissions"`
	Tags        set[tag]        `xml:"tagSet"`
}

func (g *group) answer() groupAnswer {
	return groupAnswer{g.id, g.name, g.description, accountID, g.vpc, set[permission]{g.ports}, g.tags.answer()}
}

func (a *region) createGroup(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := &group{
		id: newID("sg"), name: q.get("GroupName"), description: q.get("GroupDescription"),
		vpc: q.get("VpcId"), tags: q.specified("security-group"),
	}
	if g.name == "" || g.description == "" {
		return nil, missing("MissingParameter", "The request must contain the parameters GroupName and GroupDescription")
	}
	if g.vpc == "" {
		g.vpc = defaultVPC
	}
	for _, other := range a.groups {
		if other.name == g.name && other.vpc == g.vpc {
			return nil, missing("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.name, g.vpc)
		}
	}
	a.groups[g.id] = g
	return struct {
		Return bool   `xml:"return"`
		ID     string `xml:"groupId"`
	}{true, g.id}, nil
}

func (a *region) authorizeIngress(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, there := a.groups[q.get("GroupId")]
	if !there {
		return nil, noGroup(q.get("GroupId"))
	}
	q.each("IpPermissions", "IpProtocol", func(prefix string) {
		p := permission{Protocol: q.get(prefix + "IpProtocol"), From: q.get(prefix + "FromPort"), To: q.get(prefix + "ToPort")}
		q.each(prefix+"IpRanges", "CidrIp", func(prefix string) {
			p.Ranges.Items = append(p.Ranges.Items, struct {
				CIDR string `xml:"cidrIp"`
			}{q.get(prefix + "CidrIp")})
		})
		g.ports = append(g.ports, p)
	})
	return done{true}, nil
}

func (a *region) describeGroups(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := q.list("GroupId")
	for _, id := range ids {
		if _, there := a.groups[id]; !there {
			return nil, noGroup(id)
		}
	}
	found, err := choose(a.groups, ids, q.filters(), func(g *group) (map[string]string, tags, groupAnswer) {
		return map[string]string{"group-id": g.id, "group-name": g.name, "vpc-id": g.vpc}, g.tags, g.answer()
	})
	return struct {
		Groups set[groupAnswer] `xml:"securityGroupInfo"`
	}{found}, err
}

// deleteGroup refuses while an instance is in the group, as EC2 does.
func (a *region) deleteGroup(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := q.get("GroupId")
	if _, there := a.groups[id]; !there {
		return nil, noGroup(id)
	}
	for _, i := range a.instances {
		if i.state != terminated && slices.Contains(i.groups, id) {
			return nil, missing("DependencyViolation", "resource %s has a dependent object", id)
		}
	}
	delete(a.groups, id)
	return done{true}, nil
}

func noGroup(id string) error {
	return missing("InvalidGroup.NotFound", "The security group '%s' does not exist", id)
}
