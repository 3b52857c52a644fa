package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/careflow/careflow/internal/chaos/oracle"
)

// backupEvery is how often a backup is asked for. A request while one is under way, which
// takes longer when its worker dies, joins that one.
const backupEvery = 4 * time.Second

// saveTheClinic asks for a backup now and then until ctx ends.
func (r *run) saveTheClinic(ctx context.Context) {
	for pause(ctx, backupEvery); ctx.Err() == nil; pause(ctx, backupEvery) {
		r.askForBackup(ctx)
	}
}

// askForBackup asks once, and notes which backup the answer promises.
func (r *run) askForBackup(ctx context.Context) {
	said, err := r.ops.once(ctx, http.MethodPost, "/v1/ops/backups", map[string]string{"target": oracle.BackupTarget}, "")
	var promised oracle.Promise
	switch {
	case err != nil:
	case said.status == http.StatusUnauthorized:
		_ = r.ops.logIn(ctx) // the next request says whether it helped
	case said.status == http.StatusInternalServerError:
		r.ops.broken("POST /v1/ops/backups", said)
	case said.status == http.StatusAccepted && json.Unmarshal(said.body, &promised) == nil:
		r.journal.AddPromise(promised)
	}
}
