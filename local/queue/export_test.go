package queue

import "context"

// Fire does everything that is due by the queue's clock, as Run would.
func (q *Queue) Fire(ctx context.Context) error {
	for {
		wait, err := q.fire(ctx)
		if err != nil || wait > 0 {
			return err
		}
	}
}
