package api

// imaged tells whether a snapshot is in an image.
func (a *region) imaged(id string) bool {
	for _, i := range a.images {
		if i.snapshot == id {
			return true
		}
	}
	return false
}

func (a *region) describeSnapshots(q query) (any, error) {
	type answer struct {
		ID          string   `xml:"snapshotId"`
		Volume      string   `xml:"volumeId"`
		Status      string   `xml:"status"`
		Started     string   `xml:"startTime"`
		Progress    string   `xml:"progress"`
		Owner       string   `xml:"ownerId"`
		Size        int      `xml:"volumeSize"`
		Description string   `xml:"description"`
		Tags        set[tag] `xml:"tagSet"`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := q.list("SnapshotId")
	for _, id := range ids {
		if _, there := a.snapshots[id]; !there {
			return nil, noSnapshot(id)
		}
	}
	found, err := choose(a.snapshots, ids, q.filters(), func(s *snapshot) (map[string]string, tags, answer) {
		return map[string]string{"snapshot-id": s.id, "volume-id": s.volume, "status": "completed", "owner-id": accountID},
			s.tags, answer{s.id, s.volume, "completed", s.started, "100%", accountID, s.size, s.description, s.tags.answer()}
	})
	return struct {
		Snapshots set[answer] `xml:"snapshotSet"`
	}{found}, err
}

// deleteSnapshot refuses what an image needs, as EC2 does.
func (a *region) deleteSnapshot(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := q.get("SnapshotId")
	if _, there := a.snapshots[id]; !there {
		return nil, noSnapshot(id)
	}
	for _, i := range a.images {
		if i.snapshot == id {
			return nil, missing("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, i.id)
		}
	}
	delete(a.snapshots, id)
	return done{true}, nil
}

// modifySnapshot takes the sharing of a snapshot as done.
func (a *region) modifySnapshot(q query) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.snapshots[q.get("SnapshotId")]; !there {
		return nil, noSnapshot(q.get("SnapshotId"))
	}
	return done{true}, nil
}

func noSnapshot(id string) error {
	return missing("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
}
