package postgres

import (
	"encoding/json"
	"sync"

	"github.com/careflow/careflow/internal/domain"
)

// knownTerms remembers what stored terms say: nearly all visits were agreed on the same few,
// and reading them takes longer than the rest of a row. What is shared is never changed.
type knownTerms struct {
	mu    sync.Mutex
	known map[string]domain.Terms
}

// mostTerms bounds the memory: when there are more, all are read again.
const mostTerms = 1000

func (k *knownTerms) of(raw []byte) (domain.Terms, error) {
	k.mu.Lock()
	terms, ok := k.known[string(raw)]
	k.mu.Unlock()
	if ok {
		return terms, nil
	}
	if err := json.Unmarshal(raw, &terms); err != nil {
		return domain.Terms{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= mostTerms {
		k.known = map[string]domain.Terms{}
	}
	k.known[string(raw)] = terms
	return terms, nil
}
