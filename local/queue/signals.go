package queue

import "sync"

// signals wakes those who wait for something, by its key. A signal without a listener is
// lost: listen first, look second, wait third. It is safe for concurrent use.
type signals struct {
	mu       sync.Mutex
	channels map[string]chan struct{}
}

func newSignals() *signals { return &signals{channels: map[string]chan struct{}{}} }

// listen returns a channel that the next notify of key closes.
func (s *signals) listen(key string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, ok := s.channels[key]
	if !ok {
		ch = make(chan struct{})
		s.channels[key] = ch
	}
	return ch
}

// notify wakes all who listen for key.
func (s *signals) notify(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.channels[key]; ok {
		close(ch)
		delete(s.channels, key)
	}
}
