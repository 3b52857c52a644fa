package hosts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/releases"
)

// kept is whether a colour is meant to run.
type kept struct {
	Running bool `json:"running"`
}

func (h *Host) meant(colour domain.Colour) (bool, error) {
	text, err := os.ReadFile(h.meantPath(colour))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return false, fmt.Errorf("reading whether %s is meant to run: %w", colour, err)
	}
	return k.Running, nil
}

func (h *Host) mean(colour domain.Colour, running bool) error {
	text, err := json.Marshal(kept{Running: running})
	if err != nil {
		return err
	}
	return releases.ReplaceFile(h.meantPath(colour), text, 0o644)
}

func (h *Host) meantPath(colour domain.Colour) string {
	return filepath.Join(h.cfg.Folder, string(colour)+".json")
}
