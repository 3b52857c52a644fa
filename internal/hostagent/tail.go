package hostagent

import (
	"strings"
	"sync"
)

// tail keeps the last of what is written to it.
type tail struct {
	most int

	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.most; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// String is what was kept as text that every store takes.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(strings.ReplaceAll(string(t.kept), "\x00", "�"), "�")
	for len(text) > t.most { // what was replaced takes more bytes
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
