package queue

// expireTask forgets a task and all that belongs to it.
func (c *change) expireTask(t *task) error {
	if t.abort(ReasonDeadlineExceeded, c.now) { // only when the clock stepped over both
		if err := c.save(t); err != nil {
			return err
		}
	}
	if err := c.dropArtifacts(t.TaskID); err != nil {
		return err
	}
	if err := c.dropDependencies(t.TaskID); err != nil {
		return err
	}
	for _, bucket := range []string{bucketTask, bucketDefinition} {
		if err := c.Delete(bucket, t.TaskID); err != nil {
			return err
		}
	}
	return c.leaveGroup(t)
}

func (c *change) dropArtifacts(taskID string) error {
	var all []artifact
	err := each(c, bucketArtifact, taskID+"/", func(_ string, a artifact) (bool, error) {
		all = append(all, a)
		return true, nil
	})
	if err != nil {
		return err
	}
	for i := range all {
		if err := c.dropArtifact(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) dropDependencies(taskID string) error {
	d, err := loadDefinition(c.Tx, taskID)
	if err != nil {
		return err
	}
	for _, id := range d.Dependencies {
		if err := c.Delete(bucketDependent, id+"/"+taskID); err != nil {
			return err
		}
	}
	if err := c.deleteAll(bucketDependent, taskID+"/"); err != nil {
		return err
	}
	return c.deleteAll(bucketWaiting, taskID+"/")
}
